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
    /// The promised length.
    length: u64,
    breaks_off: bool,
    /// The beginning went out: pausing once makes hyper flush it before the connection closes.
    paused: bool,
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { length: bytes.len() as u64, rest: Some(bytes), breaks_off: false, paused: false }
    }

    /// Promises all of `bytes` and sends the first half.
    pub(crate) fn broken(bytes: &Bytes) -> Self {
        let rest = Some(bytes.slice(..bytes.len() / 2));
        Self { length: bytes.len() as u64, rest, breaks_off: true, paused: false }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        match self.rest.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(_) | None if self.breaks_off && !self.paused => {
                self.paused = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(_) | None => Poll::Ready(self.breaks_off.then_some(Err(Severed::Closed))),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks_off && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let sent = if self.rest.is_none() && !self.breaks_off { self.length } else { 0 };
        SizeHint::with_exact(self.length - sent)
    }
}
