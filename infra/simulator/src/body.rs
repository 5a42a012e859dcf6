//! Response bodies, among them one that breaks off half way.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a connection ends without a (complete) answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Severed {
    /// The connection is closed.
    #[error("the connection is closed without an answer")]
    Closed,
    /// The connection is reset.
    #[error("the connection is reset")]
    Reset,
}

/// An answer's body: the whole of it, or a beginning after which the connection closes.
#[derive(Debug)]
pub(crate) struct Answer {
    rest: Option<Bytes>,
    breaks_off: bool,
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { rest: Some(bytes), breaks_off: false }
    }

    /// Sends the first half of `bytes` only.
    pub(crate) fn broken(bytes: &Bytes) -> Self {
        Self { rest: Some(bytes.slice(..bytes.len() / 2)), breaks_off: true }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        Poll::Ready(match self.rest.take() {
            Some(bytes) if !bytes.is_empty() => Some(Ok(Frame::data(bytes))),
            Some(_) | None if self.breaks_off => Some(Err(Severed::Closed)),
            Some(_) | None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks_off && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Some(bytes) if !self.breaks_off => SizeHint::with_exact(bytes.len() as u64),
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}
