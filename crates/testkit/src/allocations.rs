//! An allocator that counts, for tests that hold the hot paths to "no allocation".
//!
//! ```
//! use weir_testkit::CountingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator::new();
//!
//! let (text, made) = ALLOCATOR.count(|| String::from("one"));
//! assert_eq!((text.as_str(), made.count, made.bytes), ("one", 1, 3));
//! ```
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait; every call is handed to the system allocator unchanged")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Constant and without a destructor: reading it allocates nothing, and it lives as long as its thread.
    static TOTAL: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0, largest: 0 }) };
}

/// The system allocator with a count for each thread, so that tests running side by side do not disturb each other.
#[derive(Debug, Default)]
pub struct CountingAllocator;

/// What was asked of the allocator. Growing an allocation counts as one of the new size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocations {
    /// How many.
    pub count: u64,
    /// Their sizes together, bytes. Nothing is taken off for what was freed.
    pub bytes: u64,
    /// Size of the largest, bytes.
    pub largest: u64,
}

impl CountingAllocator {
    /// For `#[global_allocator]`.
    pub const fn new() -> Self {
        CountingAllocator
    }

    /// Runs `work` and says what it allocated on this thread.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> (T, Allocations) {
        let before = TOTAL.replace(Allocations::default());
        let result = work();
        let made = TOTAL.get();
        TOTAL.set(before.and(made));
        (result, made)
    }
}

impl Allocations {
    fn and(self, other: Self) -> Self {
        Allocations { count: self.count + other.count, bytes: self.bytes + other.bytes, largest: self.largest.max(other.largest) }
    }
}

fn note(size: usize) {
    let size = size as u64;
    TOTAL.set(TOTAL.get().and(Allocations { count: 1, bytes: size, largest: size }));
}

// SAFETY: every method passes its arguments to `System` and its result back; the counting touches no allocation.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size);
        // SAFETY: as for `alloc`; `pointer` came from `System` because all of ours do.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as for `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
