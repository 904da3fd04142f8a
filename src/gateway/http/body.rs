//! The body of a request: whole, within a size and a time, and within what all bodies may take together.

use crate::failure::{Failure, Result};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How much of a body that is too large is read and dropped before its sender is told, in multiples of what is taken: a client that
/// is still sending would not read the answer.
const MAX_DROPPED: usize = 32;

/// Bytes that all bodies may have together.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), max })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.max {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        used <= self.max
    }
}

/// A body that has come, which counts as long as it lives.
#[derive(Debug)]
pub struct Whole {
    /// Its bytes.
    pub bytes: Bytes,
    _share: Share,
}

/// A part of the budget.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<()> {
        if !self.budget.take(bytes) {
            return Err(Failure::busy("the requests that are under way take too much memory"));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a body.
///
/// # Errors
/// 413 if it has more than `max` bytes, 408 if it does not come in time, 429 if the budget is used up, 400 if it breaks off.
pub async fn read<B>(body: B, max: usize, time: Duration, budget: &Arc<Budget>) -> Result<Whole>
where
    B: Body<Data = Bytes> + Unpin,
{
    tokio::time::timeout(time, collect(body, max, budget)).await.unwrap_or_else(|_| Err(Failure::too_slow()))
}

/// Reads what is left of a body and drops it, within a size and a time: a connection whose request was not read cannot be used again.
pub async fn drain<B>(mut body: B, max: usize, time: Duration)
where
    B: Body<Data = Bytes> + Unpin,
{
    let all = async {
        let mut length = 0;
        while length <= max.saturating_mul(MAX_DROPPED)
            && let Ok(Some(data)) = next(&mut body).await
        {
            length += data.len();
        }
    };
    let _ = tokio::time::timeout(time, all).await;
}

async fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Option<Bytes>> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Failure::invalid("the request's body breaks off")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn collect<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    max: usize,
    budget: &Arc<Budget>,
) -> Result<Whole> {
    let mut share = Share { budget: budget.clone(), bytes: 0 };
    let declared = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut first = None;
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(data) = next(&mut body).await? {
        length += data.len();
        if length > max {
            drop((first, rest, share));
            while length <= max.saturating_mul(MAX_DROPPED)
                && let Some(data) = next(&mut body).await?
            {
                length += data.len();
            }
            return Err(Failure::too_large(max));
        }
        share.grow(data.len())?;
        match (&first, rest.is_empty()) {
            (None, _) => first = Some(data),
            (Some(begin), true) => {
                // No more than has been promised and can be taken, and that only when some of it has come.
                rest.reserve(declared.unwrap_or(0).min(max).max(begin.len() + data.len()));
                rest.extend_from_slice(begin);
                rest.extend_from_slice(&data);
            }
            (Some(_), false) => rest.extend_from_slice(&data),
        }
    }
    let bytes = if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() };
    Ok(Whole { bytes, _share: share })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    struct Chunks(Vec<&'static [u8]>);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.0.remove(0))))))
        }
    }

    fn read(chunks: &[&'static [u8]], max: usize, budget: &Arc<Budget>) -> Result<Whole> {
        let body = super::read(Chunks(chunks.to_vec()), max, Duration::from_secs(5), budget);
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(body)
    }

    #[test]
    fn whole() {
        let budget = Budget::new(100);
        let bodies: [&[&[u8]]; 4] = [&[], &[b"abc"], &[b"a", b"b", b"c"], &[b"", b"abc"]];
        for chunks in bodies {
            let whole = read(chunks, 3, &budget).unwrap();
            assert_eq!(whole.bytes, chunks.concat());
            assert_eq!(budget.used(), chunks.concat().len());
        }
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn too_large() {
        let budget = Budget::new(100);
        assert_eq!(read(&[b"ab", b"cd"], 3, &budget).unwrap_err().status(), 413);
        let held = read(&[&[0; 60]], 100, &budget).unwrap();
        assert_eq!(read(&[&[0; 60]], 100, &budget).unwrap_err().status(), 429);
        drop(held);
        assert_eq!(budget.used(), 0);
        assert!(read(&[&[0; 60]], 100, &budget).is_ok());
    }
}
