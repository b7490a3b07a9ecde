//! Counters as they move, as server-sent events: all that are wanted at first, then every two seconds those that changed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::ToSchema;

use crate::error::Fault;
use crate::metric::CounterRow;
use crate::people::Caller;
use crate::routes::{Shared, now, rows};

/// Time between events.
const PERIOD: Duration = Duration::from_secs(2);

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveCounters {
    /// When the counters were read.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
    /// Those that changed since the event before; of the first event all.
    pub counters: Vec<CounterRow>,
}

/// Room for those who watch, and the sign for them to end.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    room: Arc<Semaphore>,
    most: usize,
    stopped: watch::Receiver<bool>,
}

impl Live {
    pub(crate) fn new(most: usize, stopped: watch::Receiver<bool>) -> Self {
        Self { room: Arc::new(Semaphore::new(most)), most, stopped }
    }
}

/// Somebody who watches.
struct Watcher {
    shared: Shared,
    caller: Caller,
    grep: String,
    seen: HashMap<String, serde_json::Number>,
    ticks: Interval,
    stopped: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

/// Begins to tell counters whose name or labels contain this text.
pub(crate) fn counters(shared: Shared, caller: Caller, grep: String) -> Result<Response, Fault> {
    if shared.door(&caller).is_limited() {
        return Err(Fault::new(StatusCode::FORBIDDEN, "counters are about all that there is, and you see a part of it"));
    }
    let live = &shared.live;
    let room = Arc::clone(&live.room).try_acquire_owned().map_err(|_| {
        let error = format!("{} clients watch live counters already: ask for /api/v1/counters now and then", live.most);
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, error)
    })?;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopped = live.stopped.clone();
    let watcher = Watcher { shared, caller, grep, seen: HashMap::new(), ticks, stopped, _room: room };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let mut response = Sse::new(events.fuse()).into_response();
    // Proxies that collect answers would tell nothing for long.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Watcher {
    /// The next event; none where the service ends.
    async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            _ = self.stopped.changed() => return None,
            _ = self.ticks.tick() => {}
        }
        // Whoever was signed out, or may see less now, sees no more of it.
        if !self.shared.people.is_current(&self.caller, now()) {
            return None;
        }
        let rows = rows(&self.shared, &self.caller, &self.grep).await.ok()?;
        let changed = |row: &CounterRow| self.seen.get(&row.name) != Some(&row.value);
        let counters: Vec<CounterRow> = rows.into_iter().filter(changed).collect();
        self.seen.extend(counters.iter().map(|row| (row.name.clone(), row.value.clone())));
        Event::default().event("counters").json_data(LiveCounters { time: now(), counters }).ok()
    }
}
