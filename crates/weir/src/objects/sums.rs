//! Sums of channels: which filters have them, under which numbers, and from which segment of the journal on.
//!
//! A number stands for one filter for ever: whoever changes the filter of a channel gets another number, so sums of different filters are never mixed. From one segment on its sums
//! are made as records arrive; what is older is filled in by the store. The segment is fixed while no segment can begin and written down before it counts, so that sums
//! that are made again after a crash are the same.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use weir_analytics::{ChannelWindows, Summed, Windows};
use weir_query::{Filter, Question, QuestionKind, time};
use weir_record::{Column, FlowBatch, SeriesBatch};
use weir_server::Filling;
use weir_store::{Fill, FillState, MakeSummary, Snapshot, Store, Summary, WantedSeries};

use crate::collect::now;
use crate::control::replace_file;

/// The version of the file.
const FORMAT: u32 = 1;

/// All channels of which sums are kept.
pub(crate) struct ChannelSums {
    path: PathBuf,
    /// Known once it is open; its sums of the journal are made through here.
    store: OnceLock<Arc<Store>>,
    current: ArcSwap<Vec<Kept>>,
    /// Held by whoever changes them.
    changing: Mutex<()>,
}

/// A filter and its sums.
#[derive(Clone, Debug)]
struct Kept {
    entry: Entry,
    filter: Filter,
}

/// The same in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    number: u64,
    filter: String,
    /// The number of the first of those that came at the same time, which are filled together.
    fill: u64,
    /// The first segment that has them; nothing until that is known.
    since: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    channels: Vec<Entry>,
}

impl ChannelSums {
    /// What the file says; without one there are none. The error is a sentence.
    pub(crate) fn load(path: PathBuf) -> Result<Self, String> {
        let told =
            |error: &dyn std::fmt::Display| format!("{}: {error}; move the file away, and sums are made again", path.display());
        let entries = match fs::read(&path) {
            Ok(octets) => {
                let text: Text = serde_json::from_slice(&octets).map_err(|error| told(&error))?;
                if text.format != FORMAT {
                    return Err(told(&format!("its format is {}, this program reads {FORMAT}", text.format)));
                }
                text.channels
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(told(&error)),
        };
        // Of one without a segment nobody knows which have it: it gets another number.
        let entries = entries.into_iter().filter(|entry| entry.since.is_some());
        let kept = entries.filter_map(|entry| Some(Kept { filter: read(&entry.filter)?, entry })).collect();
        Ok(Self { path, store: OnceLock::new(), current: ArcSwap::from_pointee(kept), changing: Mutex::default() })
    }

    /// Tells the store in which they are.
    pub(crate) fn set_store(&self, store: &Arc<Store>) {
        // There is one store for as long as the service runs.
        let _ = self.store.set(Arc::clone(store));
    }

    /// Makes the sums of a segment of the journal: of everything, and of the channels that it has.
    pub(crate) fn summary(self: &Arc<Self>) -> MakeSummary {
        let sums = Arc::clone(self);
        Arc::new(move |segment| {
            let current = sums.current.load();
            let has = |kept: &&Kept| kept.entry.since.is_some_and(|since| segment >= since);
            let channels = current.iter().filter(has).map(Kept::summed).collect();
            Box::new(Sums(Windows::with_channels(weir_analytics::Config::default(), channels)))
        })
    }

    /// Keeps sums of these filters from now on, and of no others.
    pub(super) fn keep(&self, filters: &BTreeSet<String>) -> Result<(), String> {
        let Some(store) = self.store.get() else { return Ok(()) };
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept: Vec<Kept> = Vec::clone(&self.current.load());
        kept.retain(|kept| filters.contains(&kept.entry.filter));
        // Numbers that were used before are not known where the file is gone, and time does not come back.
        let last = kept.iter().map(|kept| kept.entry.number).max().unwrap_or(0);
        let first = u64::try_from(now() / 1000).unwrap_or(0).max(last + 1);
        let new = filters.iter().filter(|filter| !kept.iter().any(|kept| kept.entry.filter == **filter));
        let new: Vec<Kept> = (first..)
            .zip(new)
            .filter_map(|(number, filter)| {
                let entry = Entry { number, filter: filter.clone(), fill: first, since: None };
                Some(Kept { filter: read(filter)?, entry })
            })
            .collect();
        let has_new = !new.is_empty();
        kept.extend(new);
        self.save(&kept)?;
        store.at_next_segment(|next| {
            for kept in &mut kept {
                kept.entry.since.get_or_insert(next);
            }
            self.current.store(Arc::new(kept.clone()));
        });
        store.set_fills(fills(&kept)).map_err(|error| error.to_string())?;
        if has_new { self.save(&kept) } else { Ok(()) }
    }

    fn save(&self, kept: &[Kept]) -> Result<(), String> {
        let text = Text { format: FORMAT, channels: kept.iter().map(|kept| kept.entry.clone()).collect() };
        let octets = serde_json::to_vec(&text).map_err(|error| error.to_string())?;
        replace_file(&self.path, &octets).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// The question as sums of a channel answer it, where there are such with all that it asks for.
    pub(crate) fn answering(&self, question: Question, snapshot: &Snapshot) -> Question {
        if question.kind() != QuestionKind::Series {
            return question;
        }
        let current = self.current.load();
        let found = current.iter().find(|kept| kept.filter == *question.filter()).and_then(|kept| {
            let filled = snapshot.is_filled(kept.entry.fill, kept.entry.since?, question.from(), question.to());
            filled.then_some(kept.entry.number)
        });
        match found {
            Some(number) => question.of_channel(number),
            None => question,
        }
    }

    /// How far the past is in the sums of a filter; nothing where all of it is, or there are none.
    pub(super) fn filling(&self, filter: &str) -> Option<Filling> {
        let current = self.current.load();
        let entry = &current.iter().find(|kept| kept.entry.filter == filter)?.entry;
        let state = self.store.get()?.snapshot().fill_state(entry.fill, entry.since?);
        let FillState { progress, from } = state;
        (state != FillState::DONE).then(|| Filling { channel: String::new(), progress, filled_from: from })
    }
}

impl Kept {
    fn summed(&self) -> Summed {
        Summed { number: self.entry.number, filter: self.filter.clone() }
    }
}

/// What the store has to fill in: those that came at the same time together.
fn fills(kept: &[Kept]) -> Vec<Fill> {
    let ids: BTreeSet<(u64, u64)> = kept.iter().filter_map(|kept| Some((kept.entry.fill, kept.entry.since?))).collect();
    let fill = |(id, below): (u64, u64)| {
        let of_fill = kept.iter().filter(|kept| kept.entry.fill == id);
        let channels: Vec<Summed> = of_fill.map(Kept::summed).collect();
        let mut columns: BTreeSet<Column> = channels.iter().flat_map(|summed| summed.filter.columns()).collect();
        columns.extend(time::COLUMNS);
        columns.extend([
            Column::exporter,
            Column::record_kind,
            Column::biflow,
            Column::sampling_rate,
            Column::packets,
            Column::bytes,
        ]);
        let make = move || -> Box<dyn Summary> { Box::new(Past(ChannelWindows::new(channels.clone()))) };
        Fill { id, below, columns: columns.into_iter().collect(), make: Arc::new(make) }
    };
    ids.into_iter().map(fill).collect()
}

/// Makes the sums of a segment without those of channels, for who reads a store that others write.
pub(crate) fn plain_summary() -> MakeSummary {
    Arc::new(|_| Box::new(Sums(Windows::new(weir_analytics::Config::default()))))
}

/// A filter from one spelling; nothing is every record.
fn read(filter: &str) -> Option<Filter> {
    if filter.is_empty() { Some(Filter::any()) } else { Filter::parse(filter).ok() }
}

/// Sums of a segment.
struct Sums(Windows);

impl Summary for Sums {
    fn feed(&mut self, flows: &FlowBatch) {
        self.0.feed(flows);
    }

    fn rows(&self) -> SeriesBatch {
        self.0.rows()
    }

    fn rows_of(&self, wanted: WantedSeries<'_>) -> SeriesBatch {
        self.0.rows_of(wanted)
    }
}

/// Sums of channels over records that are stored already.
struct Past(ChannelWindows);

impl Summary for Past {
    fn feed(&mut self, flows: &FlowBatch) {
        self.0.feed(flows);
    }

    fn rows(&self) -> SeriesBatch {
        self.0.rows()
    }
}
