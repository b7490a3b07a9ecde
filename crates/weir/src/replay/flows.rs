//! Stored flows on their way to a collector, encoded anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use weir_query::{Filter, Mask};
use weir_record::{Column, FlowBatch};
use weir_server::Asked;
use weir_store::{Cancel, ScanRequest, TableKind};

use super::pace::Pace;
use super::{Clock, SECOND, now, tell};
use crate::args::ReplayArgs;
use crate::backend;
use crate::config::{Export, Origin};
use crate::exit::{Failure, Outcome};
use crate::export::{Exports, Sent};
use crate::progress::Waiting;
use crate::stop::Stop;

/// How long the last messages may take to leave.
const LAST: Duration = Duration::from_secs(10);

pub(super) fn run(typed: &ReplayArgs, store: &Path, mut pace: Pace, stop: &Stop) -> Result<Outcome, Failure> {
    let (from, to) = range(typed)?;
    let filter = typed.filter.as_deref().map_or_else(|| Ok(Filter::any()), Filter::parse);
    let filter = filter.map_err(|error| Failure::Misuse(error.to_string()))?;
    let exports = Exports::new(false);
    let only = BTreeMap::from([(typed.to.name.clone(), Export { from: Origin::Meter, ..typed.to.export.clone() })]);
    exports.go_over(&only).map_err(Failure::Misuse)?;
    let mut clock = Clock::new(typed.original_time);
    let mut records = 0;
    loop {
        pace.begin();
        let before = records;
        let mut part = FlowBatch::new();
        scan(store, &filter, (from, to), &mut |batch, mask| {
            let rows: Vec<usize> = mask.iter().collect();
            for rows in rows.chunks(pace.at_once()) {
                let (Some(first), Some(last)) = (rows.first().copied(), rows.last().copied()) else { continue };
                let captured = batch.time_received.get(first).unwrap_or_default();
                if !pace.wait(captured, rows.len() as u64, stop) {
                    return ControlFlow::Break(());
                }
                part.clear();
                // This asks for each row of the batch and each column.
                part.append_where(batch, |row| first <= row && row <= last && mask.get(row));
                part.finish();
                let now = now();
                shift(&mut part, clock.seconds(captured, now).saturating_mul(SECOND));
                records += part.rows() as u64;
                exports.offer(Origin::Meter, &mut part);
            }
            ControlFlow::Continue(())
        })?;
        if !typed.again || stop.is_due() || records == before {
            break;
        }
    }
    let sent = exports.close(Instant::now() + LAST);
    sent.iter().for_each(|sent| tell(typed.stats, &sent.counters()));
    Ok(match (sent.iter().any(Sent::tell_failure), records) {
        (true, _) => Outcome::PartlyFailed,
        (false, 0) => Outcome::NothingMatched,
        (false, _) => Outcome::Done,
    })
}

/// Hands on what is stored, the oldest first.
fn scan(
    store: &Path,
    filter: &Filter,
    (from, to): (i64, i64),
    take: &mut dyn FnMut(&FlowBatch, &Mask) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let snapshot = backend::open(store)?;
    let _waiting = Waiting::new();
    let cancel = Cancel::new();
    let request = ScanRequest { table: TableKind::Flows, columns: Column::ALL, from, to, filter, threads: 1, cancel: &cancel };
    let read = snapshot.scan_in_order(&request, false, take);
    read.map_err(|error| Failure::Failed(format!("cannot read the store {}: {error}", store.display())))?;
    Ok(())
}

/// Begin and end, open where they are not told.
fn range(typed: &ReplayArgs) -> Result<(i64, i64), Failure> {
    let asked = Asked { from: typed.from.clone(), to: typed.until.clone(), last: typed.last.clone(), ..Asked::default() };
    let (from, to) = asked.range(now(), &TimeZone::system()).map_err(|refusal| Failure::Misuse(refusal.error))?;
    Ok((from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)))
}

/// Moves the times of all rows.
fn shift(batch: &mut FlowBatch, nanoseconds: i64) {
    for times in [&mut batch.time_start, &mut batch.time_end, &mut batch.event_time] {
        for time in times.values_from_mut(0) {
            *time = time.saturating_add(nanoseconds);
        }
    }
}
