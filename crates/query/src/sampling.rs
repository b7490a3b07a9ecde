//! What sampling costs in certainty: estimated variances of scaled sums.
//!
//! Each packet of the traffic is in the sample with probability 1/N, independently (Bernoulli sampling). The sum over the sampled packets of N·x
//! estimates the sum over all without bias, and the sum of N·(N-1)·x² over the sampled packets estimates its variance without bias
//! (Horvitz and Thompson, 1952; for packets x = 1, for bytes x is the packet's size). Devices that take every N-th packet are not better off than
//! that as far as a record tells.

/// Estimated variance of a record's bytes after scaling, in octets squared.
///
/// A sampled packet tells its size (`packets` = 1), a flow record of several packets only their sum: they count as equally large, which is the
/// least that the variance can be.
pub fn bytes_variance(rate: u32, bytes: u64, packets: u64) -> f64 {
    let bytes = bytes as f64;
    factor(rate) * bytes * bytes / packets.max(1) as f64
}

/// Estimated variance of a record's packets after scaling.
pub fn packets_variance(rate: u32, packets: u64) -> f64 {
    factor(rate) * packets as f64
}

/// N·(N-1).
fn factor(rate: u32) -> f64 {
    let rate = f64::from(rate.max(1));
    rate * (rate - 1.0)
}

#[cfg(test)]
mod tests;
