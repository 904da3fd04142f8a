//! The allocator of a process that must not be ended by a refused allocation: the system's, with a reserve behind it.
//!
//! Where the system refuses a small request, the reserve serves the request, and the process is *short* of memory until
//! [`forget_shortage`]. Large requests are refused at once: [`allocation`](crate::memory::allocation) makes them, and handles
//! a refusal.
//!
//! The reserve is a fixed piece of memory in slots of five sizes. It is mapped when the library is loaded, so a limit on
//! the address space, or a system that promises no more than it has, cannot take it away later.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

/// The allocator of every program that this crate is part of.
#[global_allocator]
static ALLOCATOR: Reserving = Reserving::over(System);

/// Whether the reserve was used since [`forget_shortage`].
#[inline]
pub fn is_short() -> bool {
    ALLOCATOR.short.load(Relaxed)
}

/// Ends the shortage, until the reserve is used again.
pub fn forget_shortage() {
    ALLOCATOR.short.store(false, Relaxed);
}

/// Sizes of slots, and the number of slots of each size.
const CLASSES: [(usize, usize); 5] = [(64, 2048), (256, 1024), (1 << 10, 256), (1 << 14, 16), (LARGEST, 4)];
/// The largest request that the reserve serves: twice a vector of maximum dimensions.
const LARGEST: usize = 1 << 17;
/// Alignment of the reserve, and the maximum alignment of a request that it serves.
const ALIGN: usize = 64;
/// Bytes of the reserve, and words of its map.
const RESERVE: usize = before(CLASSES.len()).0;
const WORDS: usize = before(CLASSES.len()).1;

/// Bytes and words of the map that lie before a class.
const fn before(class: usize) -> (usize, usize) {
    let (mut bytes, mut words, mut i) = (0, 0, 0);
    while i < class {
        let (size, slots) = CLASSES[i];
        (bytes, words, i) = (bytes + size * slots, words + slots.div_ceil(64), i + 1);
    }
    (bytes, words)
}

#[repr(align(64))]
struct Slots(UnsafeCell<[u8; RESERVE]>);

/// The system's allocator `A` with the reserve behind it.
struct Reserving<A = System> {
    system: A,
    short: AtomicBool,
    slots: Slots,
    /// A bit for each slot, set while it is in use.
    taken: [AtomicU64; WORDS],
}

// SAFETY: a slot belongs to the allocation that has set its bit, until the deallocation clears the bit.
unsafe impl<A: Sync> Sync for Reserving<A> {}

impl<A> Reserving<A> {
    const fn over(system: A) -> Self {
        let slots = Slots(UnsafeCell::new([0; RESERVE]));
        Self { system, short: AtomicBool::new(false), slots, taken: [const { AtomicU64::new(0) }; WORDS] }
    }

    /// A free slot of at least the layout's size; null if there is none.
    #[cold]
    fn serve(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST || layout.align() > ALIGN {
            return std::ptr::null_mut();
        }
        self.short.store(true, Relaxed);
        for (class, (size, slots)) in
            CLASSES.into_iter().enumerate().filter(|(_, (size, _))| layout.size() <= *size)
        {
            let (bytes, words) = before(class);
            for slot in 0..slots {
                let (taken, bit) = (&self.taken[words + slot / 64], 1 << (slot % 64));
                if taken.load(Relaxed) & bit == 0 && taken.fetch_or(bit, Acquire) & bit == 0 {
                    // SAFETY: the slot is one of its class, so it lies within the reserve.
                    return unsafe { self.start().add(bytes + slot * size) };
                }
            }
        }
        std::ptr::null_mut()
    }

    fn start(&self) -> *mut u8 {
        self.slots.0.get().cast()
    }

    /// Offset of a pointer in the reserve; `None` for memory of the system.
    #[inline]
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        let offset = (pointer as usize).wrapping_sub(self.start() as usize);
        (offset < RESERVE).then_some(offset)
    }

    /// Frees a slot.
    #[cold]
    fn take_back(&self, offset: usize) {
        let class = (0..CLASSES.len()).rfind(|class| offset >= before(*class).0).unwrap_or(0);
        let (bytes, words) = before(class);
        let slot = (offset - bytes) / CLASSES[class].0;
        self.taken[words + slot / 64].fetch_and(!(1 << (slot % 64)), Release);
    }
}

// SAFETY: an allocation is memory of the system's allocator or a free slot of at least the size, aligned to 64; it stays
// allocated until it is freed where it came from.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Reserving<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's.
        let given = unsafe { self.system.alloc(layout) };
        if given.is_null() { self.serve(layout) } else { given }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's.
        let given = unsafe { self.system.alloc_zeroed(layout) };
        if !given.is_null() {
            return given;
        }
        let slot = self.serve(layout);
        if !slot.is_null() {
            // SAFETY: the slot has that size.
            unsafe { slot.write_bytes(0, layout.size()) };
        }
        slot
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            // SAFETY: the pointer is the system's, allocated with that layout.
            None => unsafe { self.system.dealloc(pointer, layout) },
            Some(offset) => self.take_back(offset),
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.offset(pointer).is_none() {
            // SAFETY: the pointer is the system's, allocated with that layout.
            let given = unsafe { self.system.realloc(pointer, layout, size) };
            if !given.is_null() {
                return given;
            }
        }
        // SAFETY: the caller promises that the size does not overflow; the old memory stays until its bytes are copied.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(pointer, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An allocator that refuses all requests once the flag is set.
    struct Empty(AtomicBool);

    // SAFETY: the system's allocator, or a refusal.
    unsafe impl GlobalAlloc for Empty {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if self.0.load(Relaxed) {
                return std::ptr::null_mut();
            }
            // SAFETY: the caller's promises are the system's.
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            // SAFETY: as above.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn the_reserve_serves_what_is_small_until_it_is_used_up() {
        static ALL: Reserving<Empty> = Reserving::over(Empty(AtomicBool::new(true)));
        let allocator = &ALL;
        let mut given = std::collections::BTreeMap::new();
        for size in [1, 64, 65, 1000, 1024, 5000, LARGEST] {
            // SAFETY: no size is zero; each piece is written within its size and given back once.
            unsafe {
                let mut all = vec![];
                loop {
                    let piece = allocator.alloc(layout(size));
                    if piece.is_null() {
                        break;
                    }
                    piece.write_bytes(size as u8, size);
                    assert!(given.insert(piece as usize, size).is_none());
                    all.push(piece);
                }
                assert!(!all.is_empty(), "{size}");
                for piece in &all {
                    assert_eq!((piece.read(), piece.add(size - 1).read()), (size as u8, size as u8));
                    allocator.dealloc(*piece, layout(size));
                }
                given.clear();
            }
        }
        assert!(allocator.short.load(Relaxed));
        assert!(allocator.taken.iter().all(|word| word.load(Relaxed) == 0));
        // SAFETY: the request is refused.
        assert!(unsafe { allocator.alloc(layout(LARGEST + 1)) }.is_null());
    }

    #[test]
    fn pieces_move_between_system_and_reserve() {
        static ALL: Reserving<Empty> = Reserving::over(Empty(AtomicBool::new(false)));
        let allocator = &ALL;
        // SAFETY: each piece is freed with the layout of its allocation.
        unsafe {
            let piece = allocator.alloc(layout(100));
            piece.write_bytes(9, 100);
            allocator.system.0.store(true, Relaxed);
            let piece = allocator.realloc(piece, layout(100), 3000);
            assert!(allocator.offset(piece).is_some());
            assert_eq!((piece.read(), piece.add(99).read()), (9, 9));
            assert!(allocator.realloc(piece, layout(3000), LARGEST + 1).is_null());
            allocator.system.0.store(false, Relaxed);
            let piece = allocator.realloc(piece, layout(3000), LARGEST + 1);
            assert!(allocator.offset(piece).is_none());
            assert_eq!((piece.read(), piece.add(99).read()), (9, 9));
            allocator.dealloc(piece, layout(LARGEST + 1));
            allocator.system.0.store(true, Relaxed);
            let zeros = allocator.alloc_zeroed(layout(200));
            assert!((0..200).all(|i| zeros.add(i).read() == 0));
            allocator.dealloc(zeros, layout(200));
        }
        assert!(allocator.taken.iter().all(|word| word.load(Relaxed) == 0));
    }
}
