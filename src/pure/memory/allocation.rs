//! Fallible allocation: memory that grows with data is reserved here, and a refusal is a [`Fault`] of SQLSTATE 53200.
//!
//! Rust's collections abort the process where the system gives no memory, and the server then ends all sessions. So three
//! rules keep a failed allocation within its statement:
//!
//! - **Collections that grow with data** are reserved by the functions of this module before elements are added.
//! - **Steps with many small allocations**, bounded but not small together, ask for [`headroom`] first.
//! - **All other allocations**, which are small, are served by the allocator's reserve when the system has no more. A long
//!   loop calls [`check`], which ends the statement once the reserve was touched.

use crate::fault::{Fault, Result, state};
use crate::memory::allocator;
use std::alloc::Layout;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// The fault for a refused request of `bytes` bytes, in the server's words.
pub fn out_of_memory(bytes: usize) -> Fault {
    Fault::new(state::OUT_OF_MEMORY, "out of memory").detail(format!("Failed on request of size {bytes}."))
}

/// Refuses to go on if memory has run out since the last call, by the allocator's account.
///
/// # Errors
/// `53200`.
#[inline]
pub fn check() -> Result<()> {
    if allocator::is_short() { Err(ended()) } else { Ok(()) }
}

/// Called when a statement begins: forgets a shortage of an earlier statement if there is memory again.
#[inline]
pub fn begin() {
    if allocator::is_short() && headroom(1 << 20).is_ok() {
        allocator::forget_shortage();
    }
}

#[cold]
fn ended() -> Fault {
    allocator::forget_shortage();
    Fault::new(state::OUT_OF_MEMORY, "out of memory")
}

/// Checks that `bytes` bytes could be allocated, without keeping them.
///
/// # Errors
/// `53200` if not.
pub fn headroom(bytes: usize) -> Result<()> {
    let mut probe: Vec<u8> = Vec::new();
    probe.try_reserve_exact(bytes).map_err(|_| out_of_memory(bytes))?;
    // The compiler may leave out an allocation that is never read.
    std::hint::black_box(probe.as_ptr());
    Ok(())
}

/// Collections whose room is reserved fallibly.
pub trait Reserve {
    /// Makes room for `more` further elements.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    fn room_for(&mut self, more: usize) -> Result<()>;
}

impl<T> Reserve for Vec<T> {
    #[inline]
    fn room_for(&mut self, more: usize) -> Result<()> {
        if self.capacity() - self.len() >= more {
            return Ok(());
        }
        self.try_reserve(more).map_err(|_| out_of_memory((self.len() + more) * size_of::<T>()))
    }
}

impl<T: Ord> Reserve for BinaryHeap<T> {
    #[inline]
    fn room_for(&mut self, more: usize) -> Result<()> {
        if self.capacity() - self.len() >= more {
            return Ok(());
        }
        self.try_reserve(more).map_err(|_| out_of_memory((self.len() + more) * size_of::<T>()))
    }
}

impl<T> Reserve for VecDeque<T> {
    #[inline]
    fn room_for(&mut self, more: usize) -> Result<()> {
        if self.capacity() - self.len() >= more {
            return Ok(());
        }
        self.try_reserve(more).map_err(|_| out_of_memory((self.len() + more) * size_of::<T>()))
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Reserve for HashMap<K, V, S> {
    #[inline]
    fn room_for(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| out_of_memory((self.len() + more) * size_of::<(K, V)>()))
    }
}

impl<K: Hash + Eq> Reserve for HashSet<K> {
    #[inline]
    fn room_for(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| out_of_memory((self.len() + more) * size_of::<K>()))
    }
}

/// A vector with room for `len` elements.
///
/// # Errors
/// `53200` if there is no memory.
pub fn with_room<T>(len: usize) -> Result<Vec<T>> {
    let mut new = Vec::new();
    new.try_reserve_exact(len).map_err(|_| out_of_memory(len.saturating_mul(size_of::<T>())))?;
    Ok(new)
}

/// `len` copies of a value.
///
/// # Errors
/// `53200` if there is no memory.
pub fn filled<T: Clone>(value: T, len: usize) -> Result<Vec<T>> {
    let mut new = with_room(len)?;
    new.resize(len, value);
    Ok(new)
}

/// `len` bytes, all zero. The system need not provide pages before they are written.
///
/// # Errors
/// `53200` if there is no memory.
#[allow(unsafe_code)] // the standard library has no safe and fallible way to ask for zeros
pub fn zeros(len: usize) -> Result<Vec<u8>> {
    let Ok(layout) = Layout::array::<u8>(len) else { return Err(out_of_memory(len)) };
    if len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout is not of size zero; the vector takes over memory of the global allocator with the vector's layout.
    unsafe {
        let bytes = std::alloc::alloc_zeroed(layout);
        if bytes.is_null() { Err(out_of_memory(len)) } else { Ok(Vec::from_raw_parts(bytes, len, len)) }
    }
}

/// All items of an iterator of known length.
///
/// # Errors
/// `53200` if there is no memory.
pub fn collected<T>(items: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut new = with_room(items.len())?;
    new.extend(items);
    Ok(new)
}

/// Adds an element at the end.
///
/// # Errors
/// `53200` if there is no memory.
#[inline]
pub fn push<T>(list: &mut Vec<T>, new: T) -> Result<()> {
    list.room_for(1)?;
    list.push(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More bytes than any machine maps.
    const ALL: usize = isize::MAX as usize / 2;

    #[test]
    fn refusals_are_faults() {
        let refused = [
            headroom(ALL).unwrap_err(),
            with_room::<u64>(ALL / 8).unwrap_err(),
            filled(1u8, ALL).unwrap_err(),
            zeros(ALL).unwrap_err(),
            vec![1u8].room_for(ALL).unwrap_err(),
            BinaryHeap::from([1u8]).room_for(ALL).unwrap_err(),
            VecDeque::from([1u8]).room_for(ALL).unwrap_err(),
            HashMap::from([(1u8, 1u8)]).room_for(ALL).unwrap_err(),
            HashSet::from([1u8]).room_for(ALL).unwrap_err(),
        ];
        for fault in refused {
            assert_eq!((fault.state, fault.message.as_str()), ("53200", "out of memory"));
            assert!(fault.detail.is_some_and(|text| text.starts_with("Failed on request of size ")));
        }
    }

    #[test]
    fn granted_room_holds_what_comes() {
        headroom(1 << 20).unwrap();
        assert_eq!(filled(7u32, 3).unwrap(), [7, 7, 7]);
        assert_eq!((zeros(2).unwrap(), zeros(0).unwrap()), (vec![0, 0], vec![]));
        assert_eq!(collected([1, 2].iter()).unwrap(), [&1, &2]);
        let mut list = with_room(1).unwrap();
        push(&mut list, 5).unwrap();
        push(&mut list, 6).unwrap();
        assert_eq!(list, [5, 6]);
        check().unwrap();
    }
}
