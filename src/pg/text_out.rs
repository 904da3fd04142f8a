//! Writes the text of a value into memory of the server.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;

/// Maximum number of bytes that [`Writer::float`] writes.
pub const FLOAT: usize = 15;

/// Maximum number of bytes that [`Writer::integer`] writes.
pub const INTEGER: usize = 10;

unsafe extern "C" {
    /// The server's shortest text of `f` that reads back the same; writes at most [`FLOAT`] bytes to
    /// `result`, without a final 0, and returns how many. Raises nothing.
    fn float_to_shortest_decimal_bufn(f: f32, result: *mut c_char) -> c_int;
}

/// Fills a buffer from its start on.
pub struct Writer<'a> {
    out: &'a mut [MaybeUninit<u8>],
    at: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { out, at: 0 }
    }

    /// Number of bytes that are written.
    #[must_use]
    pub fn length(&self) -> usize {
        self.at
    }

    /// The bytes that are written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        let written = &self.out[..self.at];
        // SAFETY: the methods below have written every byte up to `at`.
        unsafe { std::slice::from_raw_parts(written.as_ptr().cast(), written.len()) }
    }

    /// Writes a byte other than 0.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.out[self.at].write(byte);
        self.at += 1;
    }

    /// Writes the shortest text that reads back as `x`. There must be room for [`FLOAT`] bytes.
    #[inline]
    pub fn float(&mut self, x: f32) {
        let room = &mut self.out[self.at..self.at + FLOAT];
        // SAFETY: the room is as long as the longest text.
        self.at += unsafe { float_to_shortest_decimal_bufn(x, room.as_mut_ptr().cast()) } as usize;
    }

    /// Writes `n` in decimal.
    #[inline]
    pub fn integer(&mut self, n: u32) {
        let (mut digits, mut rest, mut first) = ([0; INTEGER], n, INTEGER);
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        digits[first..].iter().for_each(|&digit| self.byte(digit));
    }
}
