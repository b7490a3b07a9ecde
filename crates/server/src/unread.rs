//! Answers that were made whole and that their clients have not taken yet: how much memory they hold together.
//!
//! Rows of questions follow their client, and need no place here. Everything else is whole before it is sent: sources, counters, metrics. Whoever asks for
//! many of them and reads none would fill the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};

use crate::error::Fault;

/// Smaller answers need no place: connections are limited.
const SMALL: u64 = 64 << 10;

/// Octets that are handed to a connection at a time, so that an answer gives up its place when most of it was taken.
const PIECE: usize = 64 << 10;

/// The memory for answers that wait for their clients.
#[derive(Debug)]
pub(crate) struct Unread {
    limit: usize,
    held: AtomicUsize,
    refused: AtomicU64,
}

impl Unread {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, held: AtomicUsize::new(0), refused: AtomicU64::new(0) }
    }

    /// Octets of answers that wait now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Answers that found no place.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn take(self: &Arc<Self>, octets: usize) -> Option<Place> {
        let add = |held: usize| held.checked_add(octets).filter(|held| *held <= self.limit);
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Place { unread: Arc::clone(self), octets })
    }
}

/// A part of that memory, given back when it is dropped.
#[derive(Debug)]
struct Place {
    unread: Arc<Unread>,
    octets: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.unread.held.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

/// Lets an answer through, in its place; one that finds none is refused.
pub(crate) async fn in_its_place(State(unread): State<Arc<Unread>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(octets) = response.size_hint().exact().filter(|octets| *octets > SMALL) else { return response };
    let place = usize::try_from(octets).ok().and_then(|octets| unread.take(octets));
    match place {
        Some(place) => response.map(|body| Body::new(Pieces { body, left: Bytes::new(), _place: place })),
        None => {
            let limit = unread.limit >> 20;
            let error = format!(
                "answers that their clients have not read yet take up the {limit} MiB there are for them: ask again later"
            );
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response()
        }
    }
}

/// A body that is handed on piece by piece.
struct Pieces {
    body: Body,
    left: Bytes,
    _place: Place,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.left.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let left = self.left.len() as u64;
        hint.set_upper(hint.upper().unwrap_or(0) + left);
        hint.set_lower(hint.lower() + left);
        hint
    }
}
