//! The points of a construction: vectors in memory, and the distance between two of them.

use super::growing_pieces::Pieces;
use super::memory::{Heap, Memory, Room};
use super::ragged::Ragged;
use crate::distance::metric::Metric;
use crate::distance::{Kernels, kernels};
use crate::fault::{Fault, Result, state};
use crate::hnsw::cosine_direction;
use crate::hnsw::edges::{QuerySpace, Space};
use crate::hnsw::stored_vector::f32s;
use crate::hnsw::uncoded::Uncoded;
use crate::memory::allocation::push;
use crate::simd::prefetch::{AHEAD, prefetch};

/// Points in memory: vectors of `f32`, each padded with zeros to whole cache lines.
///
/// The distance is the squared Euclidean distance, for the cosine of points scaled as in [`cosine_direction`], and for the
/// inner product its negative. One more coordinate could turn the inner product into a Euclidean distance,
/// but such graphs are bad: see [`Params::for_options`](crate::hnsw::params::Params::for_options).
#[derive(Debug)]
pub struct Arena {
    metric: Metric,
    dim: usize,
    stride: usize,
    len: usize,
    /// The places of the points in the chunks.
    pieces: Pieces,
    chunks: Vec<Room>,
    kernels: &'static Kernels<f32>,
    uncoded: Option<Uncoded>,
    /// Points of different lengths, instead of the chunks.
    ragged: Option<Ragged>,
}

/// `f32` in a cache line.
const LINE: usize = 16;
/// Bytes of the smallest and of the largest chunk, about.
const SMALL: usize = 1 << 16;
const LARGE: usize = 32 << 20;

impl Arena {
    /// An empty arena for vectors of `dim` > 0 dimensions.
    pub fn new(metric: Metric, dim: usize) -> Self {
        let stride = dim.next_multiple_of(LINE);
        Self {
            metric,
            dim,
            stride,
            len: 0,
            pieces: Pieces::new(stride * size_of::<f32>(), SMALL, LARGE),
            chunks: Vec::new(),
            kernels: kernels(),
            uncoded: None,
            ragged: None,
        }
    }

    /// As [`new`](Self::new), for about `points` vectors: takes no more memory than they need.
    pub fn with_capacity(metric: Metric, dim: usize, points: usize) -> Self {
        let new = Self::new(metric, dim);
        Self { pieces: new.pieces.up_to(points), ..new }
    }

    /// An empty arena for the words of [uncoded](crate::hnsw::uncoded) values. Sparse values may have any number of words.
    pub fn uncoded(uncoded: Uncoded) -> Self {
        let words = uncoded.words();
        let ragged = words.is_none().then(Ragged::default);
        Self { uncoded: Some(uncoded), ragged, ..Self::new(uncoded.metric(), words.unwrap_or(1)) }
    }

    /// An empty arena for about `points` vectors of the same kind as those of another arena.
    pub fn like(other: &Self, points: usize) -> Self {
        match other.uncoded {
            None => Self::with_capacity(other.metric, other.dim, points),
            Some(uncoded) => {
                let new = Self::uncoded(uncoded);
                Self { pieces: new.pieces.up_to(points), ..new }
            }
        }
    }

    /// Whether the points are uncoded values.
    pub fn is_uncoded(&self) -> bool {
        self.uncoded.is_some()
    }

    /// Dimensions of the vectors; words of uncoded values.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Adds a finite vector and returns its number, counting from 0.
    ///
    /// # Errors
    /// Another number of dimensions; a zero vector under the cosine; more than 2³¹ − 1 points.
    pub fn push(&mut self, vector: &[f32]) -> Result<u32> {
        self.push_in(vector, &mut Heap)
    }

    /// As [`push`](Self::push), into the caller's memory.
    ///
    /// # Errors
    /// As [`push`](Self::push), and errors of the memory.
    pub fn push_in(&mut self, vector: &[f32], memory: &mut impl Memory) -> Result<u32> {
        let scale = match self.metric {
            Metric::Cosine if self.uncoded.is_none() => cosine_direction::scale(self.kernels.norm(vector)),
            _ => 1.0,
        };
        if scale.is_infinite() {
            return Err(Fault::new(state::DATA_EXCEPTION, "zero vector has no direction"));
        }
        self.put(vector, scale, memory)
    }

    /// Adds a point of another arena [like](Self::like) this one, as it is.
    ///
    /// # Errors
    /// As [`push_in`](Self::push_in).
    pub fn copy_in(&mut self, point: &[f32], memory: &mut impl Memory) -> Result<u32> {
        self.put(point, 1.0, memory)
    }

    fn put(&mut self, vector: &[f32], scale: f64, memory: &mut impl Memory) -> Result<u32> {
        if vector.len() != self.dim && self.ragged.is_none() {
            return Err(Fault::new(
                state::DATA_EXCEPTION,
                format!("expected {} dimensions, not {}", self.dim, vector.len()),
            ));
        }
        let node = u32::try_from(self.len)
            .ok()
            .filter(|n| *n < i32::MAX as u32)
            .ok_or_else(|| Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "too many rows for one graph"))?;
        if let Some(ragged) = &mut self.ragged {
            ragged.push(vector, memory)?;
            self.len += 1;
            return Ok(node);
        }
        let size = self.stride * size_of::<f32>();
        let (chunk, at) = self.pieces.place(self.len);
        if chunk == self.chunks.len() {
            push(&mut self.chunks, memory.room(self.pieces.points(chunk) * size)?)?;
        }
        let at = at * size;
        if let Some(chunk) = self.chunks.last_mut() {
            let point = chunk.bytes_mut()[at..].chunks_exact_mut(size_of::<f32>());
            for (out, x) in point.zip(vector) {
                // + 0.0 makes −0 a +0, for the folding of equal points.
                let x = if self.uncoded.is_some() { *x } else { (f64::from(*x) * scale) as f32 + 0.0 };
                out.copy_from_slice(&x.to_ne_bytes());
            }
        }
        self.len += 1;
        Ok(node)
    }

    /// Removes the last point; the next point is written over it.
    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
        if let Some(ragged) = &mut self.ragged {
            ragged.pop();
            return;
        }
        if self.pieces.place(self.len).0 + 1 < self.chunks.len() {
            self.chunks.pop();
        }
    }

    /// The metric of the vectors.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// A point without its padding.
    pub fn vector(&self, node: u32) -> &[f32] {
        let point = self.point(node);
        if self.ragged.is_some() { point } else { &point[..self.dim] }
    }

    /// A point with its padding.
    #[inline]
    pub fn point(&self, node: u32) -> &[f32] {
        let i = node as usize;
        if let Some(ragged) = &self.ragged {
            return ragged.point(i);
        }
        let size = self.stride * size_of::<f32>();
        let (chunk, at) = self.pieces.place(i);
        let point = &self.chunks[chunk].bytes()[at * size..][..size];
        // Aligned, as points are whole cache lines.
        f32s(point).unwrap_or(&[])
    }

    #[inline]
    fn compare(&self, a: &[f32], b: &[f32]) -> f32 {
        match (self.uncoded, self.metric) {
            (Some(uncoded), _) => uncoded.distance(a, b),
            (None, Metric::InnerProduct) => -self.kernels.inner_product(a, b),
            (None, _) => self.kernels.l2_squared(a, b),
        }
    }

    /// A query in the form of [`QuerySpace::distance`]: padded, and scaled for the cosine.
    pub fn query(&self, vector: &[f32]) -> Vec<f32> {
        if self.uncoded.is_some() {
            let mut query = vector.to_vec();
            query.resize(query.len().max(self.stride), 0.0);
            return query;
        }
        let scale = match self.metric {
            Metric::Cosine => 1.0 / self.kernels.norm(vector).max(f64::MIN_POSITIVE),
            _ => 1.0,
        };
        let mut query: Vec<f32> = vector.iter().map(|x| (f64::from(*x) * scale) as f32).collect();
        query.resize(self.stride, 0.0);
        query
    }
}

impl Space for Arena {
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn between(&self, a: u32, b: u32) -> f32 {
        self.compare(self.point(a), self.point(b))
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(self.point(node), AHEAD);
    }
}

impl QuerySpace for Arena {
    #[inline]
    fn distance(&self, query: &[f32], node: u32) -> f32 {
        self.compare(query, self.point(node))
    }
}
