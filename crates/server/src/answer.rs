//! From a question to its answer over HTTP: a turn, a thread, a form; and the end of the work when the client is gone.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use weir_store::{Cancel, SqlAnswer};

use crate::account::{AccountRow, AskedAccount};
use crate::backend::QueryError;
use crate::document::SqlColumnDocument;
use crate::error::Fault;
use crate::people::{Caller, Door};
use crate::queries::{Turn, Watch};
use crate::question::{Asked, AskedSql, Format, SqlFormat};
use crate::rendered::Rendered;
use crate::routes::{COLUMNS, SUMMARY, Shared, media_type, now, set_json, waiting, zone};
use crate::source::SourceRow;

/// Octets of rows that are sent at a time.
const CHUNK_OCTETS: usize = 64 << 10;

/// Chunks that wait for the client.
const CHUNKS: usize = 4;

/// How often a thread whose client does not read looks whether its time is over.
const LOOK: Duration = Duration::from_millis(200);

/// How long the last line of an answer that broke off has to get on its way, before the connection ends in the middle of the transfer.
const LAST_LINE: Duration = Duration::from_millis(500);

/// Answers a question; rows are made into text as the client takes them.
pub(crate) async fn query(shared: Shared, caller: &Caller, asked: Asked) -> Result<Response, Fault> {
    let question = asked.question(now(), &zone())?;
    let format = asked.format.unwrap_or_default();
    let text = serde_json::to_string(&asked).unwrap_or_default();
    let work = move |door: &Door, job: Job| {
        let answer = |turn: &Turn| {
            let mut answer = door.query(&question, &turn.cancel)?;
            if asked.names {
                door.add_names(&mut answer);
            }
            Ok(answer)
        };
        job.run(answer, Rendered::summary, |answer, out, _| Rendered::new(&answer, &asked).write(|text| out.take(text)));
    };
    let (summary, body) = stream(shared, caller, "query", text, format == Format::Lines, work).await?;
    let mut response = ([(header::CONTENT_TYPE, media_type(format))], body).into_response();
    set_json(response.headers_mut(), SUMMARY, &summary);
    Ok(response)
}

/// Answers a statement, row by row as they are found.
pub(crate) async fn sql(shared: Shared, caller: &Caller, asked: AskedSql) -> Result<Response, Fault> {
    let AskedSql { sql, format } = asked;
    let (text, has_lines) = (sql.clone(), format != SqlFormat::Json);
    let work = move |door: &Door, job: Job| {
        let write = |answer: SqlAnswer, out: &mut Chunks, turn: &Turn| {
            let columns = columns_json(&answer);
            write_rows(answer, format, &columns, out, turn)
        };
        job.run(|turn| door.sql(&sql, &turn.cancel), columns_json, write);
    };
    let (columns, body) = stream(shared, caller, "sql", text, has_lines, work).await?;
    let kind = if has_lines { "application/x-ndjson" } else { "application/json" };
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    set_json(response.headers_mut(), COLUMNS, &columns);
    Ok(response)
}

/// Every source that this caller sees. With limits that is a question over records, and takes the turn of one.
pub(crate) async fn sources(shared: &Shared, caller: &Caller) -> Result<Vec<SourceRow>, Fault> {
    let door = shared.door(caller);
    if !door.is_limited() {
        return waiting(move || door.sources(now(), &Cancel::new())).await?.map_err(refused);
    }
    in_turn(shared, caller, "sources".into(), |door, turn| door.sources(now(), &turn.cancel)).await
}

/// What is known to be missing, slot by slot.
pub(crate) async fn account(shared: &Shared, caller: &Caller, asked: &AskedAccount) -> Result<Vec<AccountRow>, Fault> {
    let question = asked.question()?;
    let text = format!("completeness {}", serde_json::to_string(asked).unwrap_or_default());
    in_turn(shared, caller, text, move |door, turn| door.account(&question, &turn.cancel)).await
}

/// Waits for a turn, and does short work on a thread that may wait.
async fn in_turn<T: Send + 'static>(
    shared: &Shared,
    caller: &Caller,
    text: String,
    work: impl FnOnce(&Door, &Turn) -> Result<T, QueryError> + Send + 'static,
) -> Result<T, Fault> {
    let door = shared.door(caller);
    let turn = shared.queries.begin("query", text, caller.name()).await?;
    // Whoever stops waiting for us drops this.
    let _watch = turn.watch();
    let work = move || {
        let found = work(&door, &turn).map_err(|error| fault(error, &turn));
        turn.note(&found);
        found
    };
    waiting(work).await?
}

/// Waits for a turn, does the work on a thread that may wait, and gives the head of the answer, with a body that follows the client.
///
/// The turn is held until the last of the answer was taken, so that no more answers are in memory than queries may run.
pub(crate) async fn stream(
    shared: Shared,
    caller: &Caller,
    kind: &'static str,
    text: String,
    has_lines: bool,
    work: impl FnOnce(&Door, Job) + Send + 'static,
) -> Result<(Vec<u8>, Body), Fault> {
    let turn = shared.queries.begin(kind, text, caller.name()).await?;
    // Whoever stops waiting for us drops this.
    let watch = turn.watch();
    let (begun, head) = oneshot::channel();
    let (chunks, rows) = mpsc::channel(CHUNKS);
    let (told, end) = oneshot::channel();
    let out = Chunks { chunks, threads: Handle::current(), text: Vec::new(), cancel: turn.cancel.clone() };
    let door = shared.door(caller);
    tokio::task::spawn_blocking(move || work(&door, Job { turn, begun, out, told, has_lines }));
    let head = head.await.map_err(|_| lost())??;
    let sending = Sending::Rows { rows, end, watch };
    Ok((head, Body::from_stream(sending.stream())))
}

/// The body of an answer, chunk by chunk.
enum Sending {
    /// While there are rows; after them the thread tells how it ended, and if it broke off the last line.
    Rows { rows: mpsc::Receiver<Bytes>, end: oneshot::Receiver<Result<(), Bytes>>, watch: Watch },
    /// The last line was sent, and the transfer must not end in order.
    BrokenOff,
    /// Nothing more comes.
    Over,
}

impl Sending {
    /// Chunk by chunk. Whoever compresses an answer asks once more behind its end, so the end is told again.
    fn stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::unfold(self, Self::next).fuse()
    }

    async fn next(self) -> Option<(io::Result<Bytes>, Self)> {
        let broken = || (Err(io::Error::other("the answer broke off")), Self::Over);
        match self {
            Self::Rows { mut rows, end, watch } => match rows.recv().await {
                Some(chunk) => Some((Ok(chunk), Self::Rows { rows, end, watch })),
                // Nobody may take a part for the whole: only who was told that it is ends in order.
                None => match end.await {
                    Ok(Ok(())) => None,
                    Ok(Err(line)) if !line.is_empty() => Some((Ok(line), Self::BrokenOff)),
                    _ => Some(broken()),
                },
            },
            Self::BrokenOff => {
                tokio::time::sleep(LAST_LINE).await;
                Some(broken())
            }
            Self::Over => None,
        }
    }
}

/// A question on its thread.
pub(crate) struct Job {
    turn: Turn,
    begun: oneshot::Sender<Result<Vec<u8>, Fault>>,
    out: Chunks,
    told: oneshot::Sender<Result<(), Bytes>>,
    /// Its rows are lines, so that one can say why the answer breaks off.
    has_lines: bool,
}

impl Job {
    /// Begins to answer, tells the head, writes the rows.
    pub(crate) fn run<T>(
        self,
        answer: impl FnOnce(&Turn) -> Result<T, QueryError>,
        head: impl FnOnce(&T) -> Vec<u8>,
        write: impl FnOnce(T, &mut Chunks, &Turn) -> Result<(), Fault>,
    ) {
        let Self { turn, begun, mut out, told, has_lines } = self;
        let answer = match answer(&turn).map_err(|error| fault(error, &turn)) {
            Ok(answer) => answer,
            Err(fault) => {
                let refused = Err(fault);
                turn.note(&refused);
                // Whoever is told that it ended finds it ended.
                drop(turn);
                // Nobody waits where the client is gone.
                let _ = begun.send(refused);
                return;
            }
        };
        if begun.send(Ok(head(&answer))).is_err() {
            return turn.note(&Err::<(), _>(turn.cancelled()));
        }
        let mut ended = write(answer, &mut out, &turn).and_then(|()| out.send());
        if ended.is_err() && turn.cancel.is_cancelled() {
            ended = Err(turn.cancelled());
        }
        turn.note(&ended);
        drop(turn);
        let last_line = |fault: Fault| {
            let mut line = serde_json::to_vec(&fault.refusal).ok().filter(|_| has_lines).unwrap_or_default();
            line.extend(has_lines.then_some(b'\n'));
            Bytes::from(line)
        };
        // A client that is gone needs no end.
        let _ = told.send(ended.map_err(last_line));
    }
}

fn columns_json(answer: &SqlAnswer) -> Vec<u8> {
    let columns = answer.columns().iter();
    let columns: Vec<_> =
        columns.map(|column| SqlColumnDocument { name: column.name.clone(), kind: column.kind.to_owned() }).collect();
    serde_json::to_vec(&columns).unwrap_or_default()
}

fn write_rows(answer: SqlAnswer, format: SqlFormat, columns: &[u8], out: &mut Chunks, turn: &Turn) -> Result<(), Fault> {
    match format {
        SqlFormat::Lines => {}
        SqlFormat::Arrays => {
            out.text.extend_from_slice(columns);
            out.text.push(b'\n');
        }
        SqlFormat::Json => {
            out.text.extend_from_slice(b"{\"columns\":");
            out.text.extend_from_slice(columns);
            out.text.extend_from_slice(b",\"rows\":[");
        }
    }
    let mut first = true;
    for rows in answer {
        let rows = rows.map_err(|error| fault(error.into(), turn))?;
        for row in 0..rows.rows() {
            match format {
                SqlFormat::Lines => rows.write_json_object(row, &mut out.text),
                SqlFormat::Arrays => rows.write_json_array(row, &mut out.text),
                SqlFormat::Json => {
                    if !std::mem::take(&mut first) {
                        out.text.push(b',');
                    }
                    rows.write_json_array(row, &mut out.text);
                }
            }
            if format != SqlFormat::Json {
                out.text.push(b'\n');
            }
            if out.text.len() >= CHUNK_OCTETS {
                out.send()?;
            }
        }
        out.send()?;
    }
    if format == SqlFormat::Json {
        out.text.extend_from_slice(b"]}\n");
    }
    out.send()
}

/// Text on its way to the client.
pub(crate) struct Chunks {
    chunks: mpsc::Sender<Bytes>,
    threads: Handle,
    text: Vec<u8>,
    cancel: Cancel,
}

impl Chunks {
    /// Takes a part of the text, and sends what is enough for a chunk.
    pub(crate) fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        self.text.append(text);
        if self.text.len() < CHUNK_OCTETS {
            return Ok(());
        }
        self.send()
    }

    /// Sends what was written; fails where the client is gone, or has not taken it in time.
    fn send(&mut self) -> Result<(), Fault> {
        if self.text.is_empty() {
            return Ok(());
        }
        let room = self.threads.block_on(async {
            while !self.cancel.is_cancelled() {
                if let Ok(room) = tokio::time::timeout(LOOK, self.chunks.reserve()).await {
                    return room.ok();
                }
            }
            None
        });
        let room = room.ok_or_else(|| Fault::new(StatusCode::CONFLICT, "the client does not read any more"))?;
        room.send(Bytes::from(std::mem::take(&mut self.text)));
        Ok(())
    }
}

/// How an error is told over HTTP.
pub(crate) fn fault(error: QueryError, turn: &Turn) -> Fault {
    match error {
        QueryError::Cancelled => turn.cancelled(),
        error => refused(error),
    }
}

/// The same where nothing runs that could be cancelled.
pub(crate) fn refused(error: QueryError) -> Fault {
    match error {
        QueryError::Refused(refusal) => refusal.into(),
        QueryError::Forbidden(error) => Fault::new(StatusCode::FORBIDDEN, error),
        QueryError::TooMuch(error) => Fault::new(StatusCode::UNPROCESSABLE_ENTITY, error),
        QueryError::TimeOver(error) => Fault::new(StatusCode::REQUEST_TIMEOUT, error),
        QueryError::Cancelled => Fault::new(StatusCode::CONFLICT, "the query was cancelled"),
        QueryError::Unavailable(error) => Fault::new(StatusCode::SERVICE_UNAVAILABLE, error),
        QueryError::Failed(error) => Fault::new(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// The thread that did the work is gone, which only a fault of this program can bring about.
fn lost() -> Fault {
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the query ended without an answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_may_be_asked_for_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut over = Box::pin(Sending::Over.stream());
            assert!(over.next().await.is_none());
            assert!(over.next().await.is_none());
        });
    }
}
