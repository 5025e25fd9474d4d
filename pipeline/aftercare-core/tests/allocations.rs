//! A reading takes no memory of its own: what a window holds lies in the window, or in room that it got at once.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use aftercare_core::documents::Library;
use aftercare_core::metric::Metric;
use aftercare_core::time::Instant;
use aftercare_core::window::{Points, ReadingVerdict, window_of};

/// Counts how often this thread asks for memory.
struct Counting;

thread_local!(static CALLS: Cell<usize> = const { Cell::new(0) });

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often memory is asked for by one window of readings, one every so many seconds.
fn allocations(library: &Library, every_s: i64, unit: &str) -> usize {
    let before = CALLS.get();
    let mut points = Points::default();
    for second in (0..300).step_by(usize::try_from(every_s).unwrap()) {
        let at = Instant(second * 1_000);
        let value = library.admit(Metric::HEART_RATE, unit, 61.0, at).unwrap();
        assert_eq!(points.insert(window_of(at).1, value), ReadingVerdict::Accepted);
    }
    CALLS.get() - before
}

#[test]
fn a_reading_a_minute_allocates_nothing() {
    let library = Library::builtin();
    for unit in ["/min", "bpm"] {
        assert_eq!(allocations(&library, 60, unit), 0, "{unit}");
    }
}

/// A fuller window doubles its room: 30 readings ask for it three times (8, 16, 32), 300 seven times.
#[test]
fn a_window_asks_for_memory_only_when_it_doubles() {
    let library = Library::builtin();
    assert_eq!([10, 1].map(|every_s| allocations(&library, every_s, "/min")), [3, 7]);
}
