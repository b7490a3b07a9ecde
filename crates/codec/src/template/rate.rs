//! Sampling rates as 1 in N, from the ways in which elements tell them (RFC 5477, section 8.2).

/// 1 in N, of elements 305 (taken) and 306 (left out), rounded.
pub(crate) fn rate_of_space((of, space): (u64, u64)) -> Option<u64> {
    of.checked_add(space)?.checked_add(of / 2)?.checked_div(of)
}

/// 1 in N, of elements 309 (taken) and 310 (out of), rounded.
pub(crate) fn rate_of_population((size, population): (u64, u64)) -> Option<u64> {
    population.checked_add(size / 2)?.checked_div(size)
}
