//! From a question to its answer over HTTP: a turn, a thread, a form; and the end of the work when the client is gone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use weir_store::SqlAnswer;

use crate::backend::QueryError;
use crate::document::SqlColumnDocument;
use crate::error::Fault;
use crate::queries::Turn;
use crate::question::{Asked, AskedSql, SqlFormat};
use crate::rendered::Rendered;
use crate::routes::{COLUMNS, SUMMARY, Shared, media_type, now, set_json, zone};

/// Octets of rows that are sent at a time.
const CHUNK_OCTETS: usize = 64 << 10;

/// Chunks that wait for the client.
const CHUNKS: usize = 4;

/// How long a client may leave a chunk lying.
const CLIENT_TIME: Duration = Duration::from_secs(60);

/// Answers a question.
pub(crate) async fn query(shared: Shared, asked: Asked) -> Result<Response, Fault> {
    let question = asked.question(now(), &zone())?;
    let format = asked.format.unwrap_or_default();
    let turn = shared.queries.begin("query", serde_json::to_string(&asked).unwrap_or_default()).await?;
    // Whoever stops waiting for us drops this.
    let watch = turn.watch();
    let backend = Arc::clone(&shared.backend);
    let work = move || {
        let answered = backend.query(&question, &turn.cancel).map_err(|error| fault(error, &turn));
        turn.note(&answered);
        answered.map(|answer| Rendered::new(&answer, &asked))
    };
    let Rendered { text, summary } = tokio::task::spawn_blocking(work).await.map_err(|_| lost())??;
    drop(watch);
    let mut response = ([(header::CONTENT_TYPE, media_type(format))], text).into_response();
    set_json(response.headers_mut(), SUMMARY, &summary);
    Ok(response)
}

/// Answers a statement, row by row as they are found.
pub(crate) async fn sql(shared: Shared, asked: AskedSql) -> Result<Response, Fault> {
    let turn = shared.queries.begin("sql", asked.sql.clone()).await?;
    let watch = turn.watch();
    let (begun, head) = oneshot::channel();
    let (chunks, receiver) = mpsc::channel(CHUNKS);
    let backend = Arc::clone(&shared.backend);
    let threads = Handle::current();
    tokio::task::spawn_blocking(move || {
        let answer = backend.sql(&asked.sql, &turn.cancel).map_err(|error| fault(error, &turn));
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                let refused = Err(fault);
                turn.note(&refused);
                // Nobody waits where the client is gone.
                let _ = begun.send(refused);
                return;
            }
        };
        let columns = columns_json(&answer);
        if begun.send(Ok(columns.clone())).is_err() {
            return;
        }
        let mut out = Chunks { chunks, threads, text: Vec::new() };
        let ended = write_rows(answer, asked.format, &columns, &mut out, &turn);
        turn.note(&ended);
        if let Err(fault) = ended {
            out.break_off(&fault, asked.format);
        }
    });
    let columns = head.await.map_err(|_| lost())??;
    let body = stream::unfold((receiver, watch), |(mut receiver, watch)| async move {
        let chunk: Result<Bytes, io::Error> = receiver.recv().await?;
        Some((chunk, (receiver, watch)))
    });
    let kind = match asked.format {
        SqlFormat::Json => "application/json",
        SqlFormat::Lines | SqlFormat::Arrays => "application/x-ndjson",
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response();
    set_json(response.headers_mut(), COLUMNS, &columns);
    Ok(response)
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
struct Chunks {
    chunks: mpsc::Sender<Result<Bytes, io::Error>>,
    threads: Handle,
    text: Vec<u8>,
}

impl Chunks {
    /// Sends what was written; fails where the client is gone or does not read.
    fn send(&mut self) -> Result<(), Fault> {
        if self.text.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.text));
        self.hand_over(Ok(chunk))
            .then_some(())
            .ok_or_else(|| Fault::new(StatusCode::CONFLICT, "the client does not read any more"))
    }

    /// Ends an answer so that nobody takes it for whole: rows as lines end with one that says why, and the transfer stays unfinished.
    fn break_off(mut self, fault: &Fault, format: SqlFormat) {
        if format != SqlFormat::Json
            && let Ok(line) = serde_json::to_vec(&fault.refusal)
        {
            self.text.extend_from_slice(&line);
            self.text.push(b'\n');
        }
        if self.send().is_ok() {
            self.hand_over(Err(io::Error::other(fault.refusal.error.clone())));
        }
    }

    fn hand_over(&self, chunk: Result<Bytes, io::Error>) -> bool {
        let sent = self.threads.block_on(async { tokio::time::timeout(CLIENT_TIME, self.chunks.send(chunk)).await });
        matches!(sent, Ok(Ok(())))
    }
}

/// How an error is told over HTTP.
fn fault(error: QueryError, turn: &Turn) -> Fault {
    match error {
        QueryError::Refused(refusal) => refusal.into(),
        QueryError::TooMuch(error) => Fault::new(StatusCode::UNPROCESSABLE_ENTITY, error),
        QueryError::TimeOver(error) => Fault::new(StatusCode::REQUEST_TIMEOUT, error),
        QueryError::Cancelled => turn.cancelled(),
        QueryError::Unavailable(error) => Fault::new(StatusCode::SERVICE_UNAVAILABLE, error),
        QueryError::Failed(error) => Fault::new(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// The thread that did the work is gone, which only a fault of this program can bring about.
fn lost() -> Fault {
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the query ended without an answer")
}
