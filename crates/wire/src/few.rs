//! A short list with a fixed place for each item, for things that headers repeat: tags, labels, tunnels.
//!
//! Nothing is allocated. What does not fit is counted, so a frame with a hundred tags is seen for what it is.

use std::ops::Deref;

/// Up to `N` items; further ones are counted only. Reads as a slice of the items kept.
#[derive(Clone, Copy, Debug)]
pub struct Few<T, const N: usize> {
    items: [T; N],
    /// How many were pushed, those without a place included.
    seen: usize,
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// Adds an item, or counts it when all places are taken.
    #[inline]
    pub fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.seen) {
            *place = item;
        }
        self.seen = self.seen.saturating_add(1);
    }
}

impl<T, const N: usize> Few<T, N> {
    /// Forgets everything.
    #[inline]
    pub const fn clear(&mut self) {
        self.seen = 0;
    }

    /// Number of items found, those over the limit included.
    #[inline]
    pub const fn seen(&self) -> usize {
        self.seen
    }

    /// Number of items over the limit, which were found but not kept.
    #[inline]
    pub const fn over_limit(&self) -> usize {
        self.seen.saturating_sub(N)
    }
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    #[inline]
    fn default() -> Self {
        Self { items: [T::default(); N], seen: 0 }
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.items.get(..self.seen).unwrap_or(&self.items)
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen && **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut few = Few::<u8, 2>::default();
        assert!(few.is_empty());
        few.push(1);
        few.push(2);
        assert_eq!((&*few, few.seen(), few.over_limit()), (&[1, 2][..], 2, 0));
        few.push(3);
        assert_eq!((&*few, few.seen(), few.over_limit()), (&[1, 2][..], 3, 1));
    }
}
