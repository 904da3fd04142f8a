//! Arrays of any type, taken apart.
#![allow(unsafe_code)]

use conifer_pure::Result;
use conifer_pure::memory::allocation::check;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};

/// The elements of an array, in memory of the context that was current when it was taken apart. Of a type that is passed by
/// reference they point into the array.
pub struct Elements {
    given: *mut pg_sys::varlena,
    array: *mut pg_sys::ArrayType,
    datums: *mut Datum,
    nulls: *mut bool,
    count: usize,
}

impl Elements {
    /// Takes an array apart.
    ///
    /// # Safety
    /// The datum is an array; elements and array live as long as the context, or until [`free`](Self::free).
    pub unsafe fn of(array: Datum) -> Self {
        let (mut datums, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        let (mut size, mut by_value, mut align) = (0, false, 0);
        // SAFETY: the caller vouches for the array, which says of what type its elements are.
        unsafe {
            let given = array.cast_mut_ptr::<pg_sys::varlena>();
            let array = pg_sys::pg_detoast_datum(given).cast::<pg_sys::ArrayType>();
            let kind = (*array).elemtype;
            pg_sys::get_typlenbyvalalign(kind, &mut size, &mut by_value, &mut align);
            pg_sys::deconstruct_array(
                array,
                kind,
                size.into(),
                by_value,
                align,
                &mut datums,
                &mut nulls,
                &mut count,
            );
            Self { given, array, datums, nulls, count: count.max(0) as usize }
        }
    }

    /// The type of the elements.
    pub fn kind(&self) -> Oid {
        // SAFETY: the array lives as long as this.
        unsafe { (*self.array).elemtype }
    }

    /// How many there are, over all dimensions, nulls among them.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The elements in their order; none for null.
    pub fn iter(&self) -> impl Iterator<Item = Option<Datum>> {
        // SAFETY: the server has made lists of so many elements.
        (0..self.count).map(|i| unsafe { (!*self.nulls.add(i)).then(|| *self.datums.add(i)) })
    }

    /// Calls `take` for each element but nulls, and sees to interrupts and memory meanwhile.
    ///
    /// # Errors
    /// Those of `take`, and `53200`.
    pub fn each(&self, mut take: impl FnMut(Datum) -> Result<()>) -> Result<()> {
        for (i, element) in self.iter().enumerate() {
            if i.is_multiple_of(1 << 10) {
                pgrx::check_for_interrupts!();
                check()?;
            }
            if let Some(element) = element {
                take(element)?;
            }
        }
        Ok(())
    }

    /// Frees the elements, and the array if it is a copy.
    pub fn free(self) {
        // SAFETY: the server has allocated them, and nothing points there any more: this is gone.
        unsafe {
            pg_sys::pfree(self.datums.cast());
            pg_sys::pfree(self.nulls.cast());
            if self.array.cast() != self.given {
                pg_sys::pfree(self.array.cast());
            }
        }
    }
}
