//! Two units that speak with each other: how each is, and settings that become the same.
//!
//! The first one merges. It knows what both had last, asks the second one to make its part of the changes, and makes its own when that is done. Each unit changes its
//! configuration as a commit does: checked as a whole, all or nothing, written, kept as a version. A connection that breaks in between leaves one unit ahead of the
//! other; the next one finds that out and goes on from there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::base::Base;
use super::channel::{Channel, Message, PairState, State};
use super::identity::Part;
use super::shared::{Merged, Settings, Side, Step, applied, less, merge, shared};
use super::unit::{Peer, Unit};
use crate::config::Ha;

/// How often a unit says that it is there.
const OFTEN: Duration = Duration::from_secs(1);

/// A unit that says nothing for so long has gone.
const SILENT: Duration = Duration::from_secs(4);

/// When what was refused is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keys that are told by name.
const NAMED: usize = 8;

/// The comment of a version that comes from the other unit.
const FROM_PEER: &str = "from the other unit";

/// The configuration of a unit, as the other one may change it.
pub(crate) trait Held: Send + Sync {
    /// What runs, and is to stay; none while that is on trial.
    fn held(&self) -> Option<Holding>;

    /// Goes over from one text to another, as a commit does. The error is a sentence, and nothing has changed then.
    fn change(&self, from: &str, to: &str, comment: &str) -> Result<(), String>;

    /// Whether a text could run here. The error is a sentence.
    fn check(&self, text: &str) -> Result<(), String>;
}

/// What a unit runs.
pub(crate) struct Holding {
    pub(crate) text: String,
    pub(crate) ha: Ha,
    /// As `weir versions` counts.
    pub(crate) version: u64,
}

/// What is known of the other unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) is_up: bool,
    pub(super) address: String,
    pub(super) version: String,
    pub(super) configuration: u64,
    pub(super) role: Option<super::Role>,
    pub(super) pair: PairState,
    /// When both were the same last, and when one has taken over a change of the other, nanoseconds since 1970.
    pub(super) same: Option<i64>,
    pub(super) changed: Option<i64>,
    /// Why it cannot be spoken with.
    pub(super) trouble: Option<String>,
}

/// What a session needs besides its connection.
pub(super) struct Around {
    pub(super) part: Part,
    pub(super) unit: Arc<Unit>,
    pub(super) held: Arc<dyn Held>,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) base: Arc<Mutex<Base>>,
    /// Our values are to count where both have changed a key.
    pub(super) settles: Arc<AtomicBool>,
    pub(super) stop: Arc<AtomicBool>,
}

/// One connection.
struct Session<'a> {
    around: &'a Around,
    channel: Channel,
    ours: Option<Arc<Ours>>,
    /// What was said last, and when.
    said: Option<Said>,
    said_at: Instant,
    /// When the other one has said its role last.
    heard_at: Instant,
    theirs: Option<Theirs>,
    they_settle: bool,
    /// What the second one was asked to do, and what ran here then.
    asked: Option<(Merged, Arc<Ours>, Looked)>,
    /// What was looked at when both were the same, and what waits for somebody since then.
    same: Option<Looked>,
    waits: Option<(Looked, Instant)>,
}

/// What runs here.
struct Ours {
    text: String,
    ha: Ha,
    configuration: u64,
    settings: Settings,
    number: u64,
}

/// What the other unit shares.
struct Theirs {
    number: u64,
    settings: Settings,
    own: Vec<String>,
}

/// The numbers of the settings of both, and whose values count.
#[derive(Clone, Copy, PartialEq)]
struct Looked {
    ours: u64,
    theirs: u64,
    settle: Option<Side>,
}

#[derive(PartialEq)]
struct Said {
    role: super::Role,
    number: u64,
    configuration: u64,
    settles: bool,
    pair: Option<PairState>,
}

/// Speaks with the other unit until it goes, or until it is time to stop. The error says why.
pub(super) fn run(around: &Around, channel: Channel) -> io::Result<()> {
    let now = Instant::now();
    let mut session = Session {
        around,
        channel,
        ours: None,
        said: None,
        said_at: now,
        heard_at: now,
        theirs: None,
        they_settle: false,
        asked: None,
        same: None,
        waits: None,
    };
    session.speak()
}

impl Session<'_> {
    fn speak(&mut self) -> io::Result<()> {
        while !self.around.stop.load(Ordering::Relaxed) {
            self.say_state()?;
            match self.channel.hear()? {
                Some(message) => self.take(message)?,
                None if self.channel.silent() > SILENT => return Err(io::ErrorKind::TimedOut.into()),
                None => {}
            }
            if let Some(role) = self.seen(|seen| seen.role) {
                self.around.unit.look_at_peer(Peer::Says(role, self.heard_at), self.around.part);
            }
            if self.around.part == Part::First {
                self.agree()?;
            }
        }
        Ok(())
    }

    /// What runs here; none while that is on trial, or is being changed.
    fn ours(&mut self) -> Option<Arc<Ours>> {
        let Holding { text, ha, version } = self.around.held.held()?;
        let before = self.ours.take();
        let is_same = before.as_ref().is_some_and(|ours| ours.text == text && ours.ha == ha);
        self.ours = if is_same {
            before
        } else {
            let (settings, number) = (shared(&text, &ha), before.map_or(0, |before| before.number) + 1);
            Some(Arc::new(Ours { text, ha, configuration: version, settings, number }))
        };
        self.ours.clone()
    }

    /// Says how we are where that is new, or has not been said for a while.
    fn say_state(&mut self) -> io::Result<()> {
        let is_second = self.around.part == Part::Second;
        let role = self.around.unit.decided();
        // While it is on trial the configuration before is what was said.
        let before = self.said.as_ref().map_or((0, 0), |said| (said.number, said.configuration));
        let ours = self.ours();
        let (number, configuration) = ours.as_ref().map_or(before, |ours| (ours.number, ours.configuration));
        let settles = self.around.settles.load(Ordering::Relaxed);
        let pair = (!is_second).then(|| self.seen(|seen| seen.pair.clone()));
        let said = Said { role, number, configuration, settles, pair };
        if self.said.as_ref() == Some(&said) && self.said_at.elapsed() < OFTEN {
            return Ok(());
        }
        // The first one merges, so it alone has to know both.
        let news = ours.filter(|_| is_second && number != before.0);
        let settings = news.as_ref().map(|ours| ours.settings.clone());
        let own = news.map(|ours| ours.ha.own.clone()).unwrap_or_default();
        let made = lock(&self.around.base).made();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let pair = said.pair.clone();
        (self.said, self.said_at) = (Some(said), Instant::now());
        let state = State { version, role, configuration, number, settings, own, settles, made, pair };
        self.channel.say(&Message::State(Box::new(state)))
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        match (message, self.around.part) {
            (Message::State(state), _) => {
                self.take_state(*state);
                Ok(())
            }
            (Message::Change { id, of, steps }, Part::Second) => {
                let refused = self.change(id, of, &steps).err();
                // What we have now comes first, so that the answer is about that.
                self.say_state()?;
                self.channel.say(&Message::Changed { refused })
            }
            (Message::Changed { refused }, Part::First) => {
                let Some((merged, ours, looked)) = self.asked.take() else { return Ok(()) };
                lock(&self.around.base).answer(refused.is_none());
                match refused {
                    None => {
                        self.note(|seen| seen.changed = Some(crate::collect::now()));
                        self.change_ours(&merged, &ours, looked);
                    }
                    // It has changed meanwhile, and says so: that is merged anew.
                    Some(_) if self.theirs.as_ref().is_some_and(|theirs| theirs.number != looked.theirs) => {}
                    Some(why) => self.refuse(&format!("the other unit refuses: {why}"), looked),
                }
                Ok(())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a message that does not belong here")),
        }
    }

    fn take_state(&mut self, state: State) {
        let State { version, role, configuration, number, settings, own, settles, made, pair } = state;
        let is_second = self.around.part == Part::Second;
        let was_up = self.seen(|seen| seen.is_up);
        self.heard_at = Instant::now();
        self.they_settle = settles;
        self.note(|seen| {
            (seen.is_up, seen.role, seen.trouble) = (true, Some(role), None);
            (seen.version, seen.configuration) = (version, configuration);
            if let Some(pair) = pair.filter(|_| is_second) {
                if pair == PairState::default() {
                    seen.same = Some(crate::collect::now());
                }
                seen.pair = pair;
            }
        });
        if !was_up {
            tracing::info!(peer = self.seen(|seen| seen.address.clone()), "the other unit is there");
        }
        if is_second {
            if self.seen(|seen| seen.pair == PairState::default()) {
                self.around.settles.store(false, Ordering::Relaxed);
            }
            return;
        }
        lock(&self.around.base).hear(made, self.theirs.is_none());
        if let Some(settings) = settings {
            self.theirs = Some(Theirs { number, settings, own });
        }
    }

    /// The second one makes its part.
    fn change(&mut self, id: u64, of: u64, steps: &[Step]) -> Result<(), String> {
        let ours = self.ours().ok_or("its configuration is on trial")?;
        if of != ours.number {
            return Err("its configuration has changed meanwhile".into());
        }
        self.around.held.change(&ours.text, &applied(&ours.text, steps, &ours.ha)?, FROM_PEER)?;
        lock(&self.around.base).make(id);
        self.note(|seen| seen.changed = Some(crate::collect::now()));
        Ok(())
    }

    /// The first one makes its part, unless something else runs by now.
    fn change_ours(&mut self, merged: &Merged, ours: &Ours, looked: Looked) {
        if merged.ours.is_empty() {
            return;
        }
        let new = applied(&ours.text, &merged.ours, &ours.ha);
        let changed = new.and_then(|new| self.around.held.change(&ours.text, &new, FROM_PEER));
        match changed {
            Ok(()) => {
                lock(&self.around.base).learn_steps(&merged.ours);
                self.note(|seen| seen.changed = Some(crate::collect::now()));
            }
            Err(why) => self.refuse(&format!("refused here: {why}"), looked),
        }
    }

    /// The first one brings both together.
    fn agree(&mut self) -> io::Result<()> {
        if self.asked.is_some() || self.theirs.is_none() {
            return Ok(());
        }
        let (Some(ours), Some(theirs)) = (self.ours(), &self.theirs) else { return Ok(()) };
        let settle = match (self.around.settles.load(Ordering::Relaxed), self.they_settle) {
            (true, _) => Some(Side::Ours),
            (_, true) => Some(Side::Theirs),
            _ => None,
        };
        let looked = Looked { ours: ours.number, theirs: theirs.number, settle };
        if self.same == Some(looked) {
            self.note(|seen| seen.same = Some(crate::collect::now()));
            return Ok(());
        }
        if self.waits.is_some_and(|(at, since)| at == looked && since.elapsed() < AGAIN) {
            return Ok(());
        }
        (self.same, self.waits) = (None, None);
        let (own, of) = (less(ours.settings.clone(), &theirs.own), theirs.number);
        let other = less(theirs.settings.clone(), &ours.ha.own);
        let merged = {
            let mut base = lock(&self.around.base);
            base.learn(&own, &other);
            merge(base.settings(), &own, &other, settle)
        };
        if merged == Merged::default() {
            self.around.settles.store(false, Ordering::Relaxed);
            self.same = Some(Looked { settle: None, ..looked });
            if self.seen(|seen| seen.pair.trouble.is_some()) {
                tracing::info!("the settings of both units are the same again");
            }
            self.note(|seen| (seen.pair, seen.same) = (PairState::default(), Some(crate::collect::now())));
            return Ok(());
        }
        self.note(|seen| seen.pair.behind = merged.ours.len() + merged.theirs.len() + merged.conflicts.len());
        if !merged.conflicts.is_empty() {
            let keys = merged.conflicts.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = merged.conflicts.len().checked_sub(NAMED).filter(|more| *more > 0);
            let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            let why = format!("both units have changed {keys}{more}: say `weir ha settle` on the one whose values count");
            self.refuse(&why, looked);
            return Ok(());
        }
        let ready = applied(&ours.text, &merged.ours, &ours.ha).and_then(|new| self.around.held.check(&new));
        if let Err(why) = ready {
            self.refuse(&format!("refused here: {why}"), looked);
        } else if merged.theirs.is_empty() {
            self.change_ours(&merged, &ours, looked);
        } else {
            let id = lock(&self.around.base).ask(&merged.theirs);
            self.channel.say(&Message::Change { id, of, steps: merged.theirs.clone() })?;
            self.asked = Some((merged, ours, looked));
        }
        Ok(())
    }

    /// What was to be the same stays different, until something else is to be merged or for a while.
    fn refuse(&mut self, why: &str, looked: Looked) {
        if self.seen(|seen| seen.pair.trouble.as_deref() != Some(why)) {
            tracing::warn!(why, "the settings of both units are not the same");
        }
        self.note(|seen| seen.pair.trouble = Some(why.to_owned()));
        self.waits = Some((looked, Instant::now()));
    }

    fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&lock(&self.around.seen))
    }

    fn note<T>(&self, note: impl FnOnce(&mut Seen) -> T) {
        note(&mut lock(&self.around.seen));
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
