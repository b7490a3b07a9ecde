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
    static TOTAL: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0, largest: 0, peak: 0 }) };
    // Bytes in use beyond those of the start; less than none where more was freed.
    static IN_USE: Cell<i64> = const { Cell::new(0) };
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
    /// Most bytes in use at a time, beyond those of the start.
    pub peak: u64,
}

impl CountingAllocator {
    /// For `#[global_allocator]`.
    pub const fn new() -> Self {
        CountingAllocator
    }

    /// Runs `work` and says what it allocated on this thread.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> (T, Allocations) {
        let before = TOTAL.replace(Allocations::default());
        let in_use = IN_USE.replace(0);
        let result = work();
        let made = TOTAL.get();
        let peak = u64::try_from(in_use).unwrap_or(0) + made.peak;
        TOTAL.set(before.and(Allocations { peak, ..made }));
        IN_USE.set(in_use + IN_USE.get());
        (result, made)
    }
}

impl Allocations {
    fn and(self, other: Self) -> Self {
        Allocations {
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
            largest: self.largest.max(other.largest),
            peak: self.peak.max(other.peak),
        }
    }
}

fn note(size: usize, freed: usize) {
    let in_use = IN_USE.get() + size as i64 - freed as i64;
    IN_USE.set(in_use);
    let (size, peak) = (size as u64, u64::try_from(in_use).unwrap_or(0));
    TOTAL.set(TOTAL.get().and(Allocations { count: 1, bytes: size, largest: size, peak }));
}

fn note_freed(size: usize) {
    IN_USE.set(IN_USE.get() - size as i64);
}

// SAFETY: every method passes its arguments to `System` and its result back; the counting touches no allocation.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size, layout.size());
        // SAFETY: as for `alloc`; `pointer` came from `System` because all of ours do.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note_freed(layout.size());
        // SAFETY: as for `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
