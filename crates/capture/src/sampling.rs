//! Sampling of frames: which ones are kept, decided without looking into them (RFC 5475 section 5).
//!
//! Whole connections cannot be sampled here, since that needs the addresses of a frame: it belongs to the room that reads headers.

use std::num::NonZeroU32;

/// How frames are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The first frame, then every n-th: count-based systematic sampling (RFC 5475 section 5.1).
    EveryNth(NonZeroU32),
    /// Each frame with the chance 1 in `n`: uniform probabilistic sampling (RFC 5475 section 5.2.2.1). Traffic that repeats itself cannot fall
    /// into step with it. The same seed chooses the same frames.
    Random {
        /// One in how many, on average.
        n: NonZeroU32,
        /// Where the sequence of random numbers starts.
        seed: u64,
    },
}

/// Chooses among the frames of one capture.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    state: u64,
}

impl Sampler {
    /// Begins with the first frame.
    pub fn new(sampling: Sampling) -> Self {
        let state = match sampling {
            Sampling::EveryNth(_) => 0,
            Sampling::Random { seed, .. } => seed,
        };
        Sampler { sampling, state }
    }

    /// True where the next frame is kept. Call it once for each frame, in order.
    #[inline]
    pub fn keeps_next(&mut self) -> bool {
        match self.sampling {
            Sampling::EveryNth(n) => {
                let keeps = self.state == 0;
                self.state = if keeps { u64::from(n.get()) - 1 } else { self.state - 1 };
                keeps
            }
            // The upper half of a random number, scaled to 0..n.
            Sampling::Random { n, .. } => (random(&mut self.state) >> 32).wrapping_mul(n.get().into()) >> 32 == 0,
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): every seed is a good one.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::{Sampler, Sampling};

    fn kept(sampling: Sampling, frames: usize) -> Vec<usize> {
        let mut sampler = Sampler::new(sampling);
        (0..frames).filter(|_| sampler.keeps_next()).collect()
    }

    #[test]
    fn every_nth_starts_with_the_first() {
        assert_eq!(kept(Sampling::EveryNth(NonZeroU32::new(3).unwrap()), 8), [0, 3, 6]);
        assert_eq!(kept(Sampling::EveryNth(NonZeroU32::MIN), 3), [0, 1, 2]);
        assert_eq!(kept(Sampling::EveryNth(NonZeroU32::MAX), 1_000), [0]);
    }

    #[test]
    fn random_keeps_its_share_and_repeats_with_its_seed() {
        let n = NonZeroU32::new(10).unwrap();
        let first = kept(Sampling::Random { n, seed: 7 }, 1_000_000);
        // Six standard deviations (300 each) around the mean.
        assert!((98_200..=101_800).contains(&first.len()), "{}", first.len());
        assert_eq!(first, kept(Sampling::Random { n, seed: 7 }, 1_000_000));
        assert_ne!(first, kept(Sampling::Random { n, seed: 8 }, 1_000_000));
        assert_eq!(kept(Sampling::Random { n: NonZeroU32::MIN, seed: 7 }, 100).len(), 100);
        // Gaps differ: it is not every n-th in disguise.
        assert!(first.windows(2).any(|pair| pair[1] - pair[0] > 40));
    }
}
