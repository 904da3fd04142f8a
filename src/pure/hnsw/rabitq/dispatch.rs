//! The scans compiled for each set of CPU instructions, and the choice among them at run time.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512, Ssse3};
use super::{BATCH, Form, Shape, scalar};
use crate::simd::dispatch::dispatch;

/// The tables of sixteen coordinates, in one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

type Estimates =
    unsafe fn(&[u32; BATCH], (f32, f32), (f32, f32), &[f32; BATCH], &[f32; BATCH], &mut [f32; BATCH]);

/// The loops over codes, for the instruction set of this CPU.
///
/// Only [`kernels`] and [`variants`] give a reference to kernels, and both look at the CPU first.
#[derive(Debug)]
pub struct Kernels {
    name: &'static str,
    tables: unsafe fn(&[f32], f32, &mut [u8]),
    /// Codes, bits, tables, groups, sums.
    interleaved: unsafe fn(*const u8, usize, *const u8, usize, &mut [u32; BATCH]),
    /// Codes, stride, bits, tables, groups, sums.
    rows: unsafe fn(*const u8, usize, usize, *const u8, usize, &mut [u32; BATCH]),
    estimates: Estimates,
}

impl Kernels {
    /// The instruction set, for reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// See [`scalar::tables`].
    ///
    /// # Panics
    /// Unless `query` has 16 elements for each line.
    pub(super) fn tables(&self, query: &[f32], scale: f32, lines: &mut [Line]) {
        assert_eq!(query.len(), 16 * lines.len(), "a query and its tables");
        // SAFETY: a line is 64 bytes and nothing else.
        let tables = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines)) };
        // SAFETY: a reference to self is only given out on a CPU that has the instructions.
        unsafe { (self.tables)(query, scale, tables) }
    }

    /// See [`scalar::interleaved`] and [`scalar::rows`].
    ///
    /// # Panics
    /// If `codes` is too short for the form, or `lines` has not one line for 16 dimensions of the shape.
    #[inline]
    pub(super) fn sums(
        &self,
        form: Form,
        shape: Shape,
        codes: &[u8],
        lines: &[Line],
        sums: &mut [u32; BATCH],
    ) {
        assert!(codes.len() >= form.bytes(shape) && lines.len() * 16 == shape.dims(), "codes and tables");
        let (tables, groups) = (lines.as_ptr().cast(), shape.dims() / 4);
        match form {
            // SAFETY: as in tables; the assertion vouches for the bytes, Shape for the multiple of 4.
            Form::Interleaved => unsafe {
                (self.interleaved)(codes.as_ptr(), shape.bits(), tables, groups, sums);
            },
            // SAFETY: likewise.
            Form::Rows { stride } => unsafe {
                (self.rows)(codes.as_ptr(), stride, shape.bits(), tables, groups, sums);
            },
        }
    }

    /// See [`scalar::estimates`].
    #[inline]
    pub(super) fn estimates(
        &self,
        sums: &[u32; BATCH],
        product: (f32, f32),
        base: (f32, f32),
        add: &[f32; BATCH],
        mul: &[f32; BATCH],
        out: &mut [f32; BATCH],
    ) {
        // SAFETY: as in tables.
        unsafe { (self.estimates)(sums, product, base, add, mul, out) }
    }
}

macro_rules! compile {
    ("portable" [] ()) => {
        use std::slice::from_raw_parts;

        unsafe fn interleaved(
            codes: *const u8,
            bits: usize,
            tables: *const u8,
            groups: usize,
            sums: &mut [u32; BATCH],
        ) {
            // SAFETY: the caller vouches for the bytes.
            unsafe {
                let codes = from_raw_parts(codes, bits * groups * 16);
                scalar::interleaved(codes, bits, from_raw_parts(tables, groups * 16), sums);
            }
        }

        unsafe fn rows(
            codes: *const u8,
            stride: usize,
            bits: usize,
            tables: *const u8,
            groups: usize,
            sums: &mut [u32; BATCH],
        ) {
            // SAFETY: the caller vouches for the bytes.
            unsafe {
                let codes = from_raw_parts(codes, (BATCH - 1) * stride + bits * groups / 2);
                scalar::rows(codes, stride, bits, from_raw_parts(tables, groups * 16), sums);
            }
        }

        pub(super) static TABLE: Kernels = Kernels {
            name: "portable",
            tables: scalar::tables,
            interleaved,
            rows,
            estimates: scalar::estimates,
        };
    };
    ($name:literal [$($feature:tt)*] (interleaved $bytes:ty, rows $rows:ty)) => {
        use crate::hnsw::rabitq::fastscan;
        use crate::hnsw::rabitq::fastscan::Bytes;

        // Each function is unsafe because the CPU must have the features, and for its pointers.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn tables(query: &[f32], scale: f32, tables: &mut [u8]) {
            scalar::tables(query, scale, tables)
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn interleaved(
            codes: *const u8,
            bits: usize,
            tables: *const u8,
            groups: usize,
            sums: &mut [u32; BATCH],
        ) {
            // SAFETY: the caller vouches for the instructions and the bytes.
            unsafe { fastscan::interleaved(<$bytes>::new(), codes, bits, tables, groups, sums) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn rows(
            codes: *const u8,
            stride: usize,
            bits: usize,
            tables: *const u8,
            groups: usize,
            sums: &mut [u32; BATCH],
        ) {
            // SAFETY: the caller vouches for the instructions and the bytes.
            unsafe { fastscan::rows(<$rows>::new(), codes, stride, bits, tables, groups, sums) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn estimates(
            sums: &[u32; BATCH],
            product: (f32, f32),
            base: (f32, f32),
            add: &[f32; BATCH],
            mul: &[f32; BATCH],
            out: &mut [f32; BATCH],
        ) {
            scalar::estimates(sums, product, base, add, mul, out)
        }

        pub(super) static TABLE: Kernels =
            Kernels { name: $name, tables, interleaved, rows, estimates };
    };
}

dispatch! {
    pub Kernels, compile:
    portable(),
    ssse3(interleaved Ssse3, rows Ssse3),
    avx2int(interleaved Avx2, rows Avx2),
    avx512bw(interleaved Avx512, rows Avx2),
    neon(interleaved Neon, rows Neon),
}
