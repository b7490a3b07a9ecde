//! How many different values there are: exact while they are few, then a sketch.
//!
//! Values come as hashes of 64 bits. Up to [`EXACT`] of them are kept, which counts exactly (that two of so few share a hash does not happen). Past
//! that they go into a HyperLogLog (Flajolet et al., 2007) of 2^13 registers, read by the improved estimator of Ertl (2017, section 4), which needs no
//! correction for small or large counts. Sketches add up.

/// Up to so many different values are counted exactly.
pub const EXACT: usize = 1024;
/// Standard error of the sketch, relative: 1.04 / sqrt(2^13).
pub const STANDARD_ERROR: f64 = 0.0115;

const INDEX_BITS: u32 = 13;
const REGISTERS: usize = 1 << INDEX_BITS;
/// Largest number that a register holds.
const HIGHEST: usize = 64 - INDEX_BITS as usize + 1;

/// A set of values of which only the number is wanted.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// The hashes in order, of which the last [`Distinct::unsorted`] are not yet.
    hashes: Vec<u64>,
    unsorted: usize,
    registers: Option<Box<[u8; REGISTERS]>>,
}

impl Distinct {
    /// The empty set.
    pub const fn new() -> Self {
        Self { hashes: Vec::new(), unsorted: 0, registers: None }
    }

    /// Adds a value by its hash, whose bits must all be well mixed.
    pub fn add(&mut self, hash: u64) {
        if let Some(registers) = &mut self.registers {
            return note(registers, hash);
        }
        let (sorted, rest) = self.hashes.split_at(self.hashes.len() - self.unsorted);
        if rest.contains(&hash) || sorted.binary_search(&hash).is_ok() {
            return;
        }
        self.hashes.push(hash);
        self.unsorted += 1;
        // Few unsorted ones are searched one by one; so an insertion moves little.
        if self.unsorted >= 16 {
            self.hashes.sort_unstable();
            self.unsorted = 0;
        }
        if self.hashes.len() > EXACT {
            let mut registers = Box::new([0; REGISTERS]);
            std::mem::take(&mut self.hashes).into_iter().for_each(|hash| note(&mut registers, hash));
            self.unsorted = 0;
            self.registers = Some(registers);
        }
    }

    /// Adds the values of another set.
    pub fn merge(&mut self, other: &Self) {
        other.hashes.iter().for_each(|hash| self.add(*hash));
        let Some(theirs) = &other.registers else {
            return;
        };
        match &mut self.registers {
            Some(ours) => ours.iter_mut().zip(theirs.iter()).for_each(|(our, their)| *our = (*our).max(*their)),
            None => {
                let mut registers = theirs.clone();
                std::mem::take(&mut self.hashes).into_iter().for_each(|hash| note(&mut registers, hash));
                self.unsorted = 0;
                self.registers = Some(registers);
            }
        }
    }

    /// The number of values: exact if [`Distinct::is_exact`], else within [`STANDARD_ERROR`].
    pub fn count(&self) -> u64 {
        match &self.registers {
            Some(registers) => estimate(registers).round() as u64,
            None => self.hashes.len() as u64,
        }
    }

    /// True while the number is exact.
    pub const fn is_exact(&self) -> bool {
        self.registers.is_none()
    }

    /// Octets of memory.
    pub fn memory(&self) -> usize {
        self.hashes.capacity() * 8 + if self.registers.is_some() { REGISTERS } else { 0 }
    }
}

/// The first bits choose a register, which holds the largest number of zeros at the begin of the others, and one.
fn note(registers: &mut [u8; REGISTERS], hash: u64) {
    let index = (hash >> (64 - INDEX_BITS)) as usize;
    let zeros = ((hash << INDEX_BITS) | 1 << (INDEX_BITS - 1)).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(index) {
        *register = zeros.max(*register);
    }
}

/// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6.
fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    let mut counts = [0u32; HIGHEST + 1];
    for register in registers {
        counts[usize::from(*register).min(HIGHEST)] += 1;
    }
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(counts[HIGHEST]) / m);
    for count in counts[1..HIGHEST].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(counts[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests;
