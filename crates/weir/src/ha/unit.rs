//! This unit: its role, who decided it, and what follows from it.

mod pairing;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::identity::Part;
use super::link::Link;
use super::session::Held;
use super::status::{HaStatus, PeerStatus};
use super::watch::{Watch, Watched};
use super::{Role, Verdict};
use crate::config::{Ha, HaMode, Origin, Traffic};
use crate::export::Exports;
use crate::replicate::Replications;
use crate::service::metering::Metering;

/// Both units may hold the address for so long while it moves, and neither for so long.
const BOTH: Duration = Duration::from_secs(2);
const NEITHER: Duration = Duration::from_secs(5);

/// Says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Why a unit is what it is before anybody has said anything.
const BEGUN: &str = "it has just begun";

/// Others send packets to the unit that they know for so long, and it passes them on: they are its own to report.
const LEAVING: Duration = Duration::from_secs(1);

/// What a unit is and does.
pub(crate) struct Unit {
    exports: Arc<Exports>,
    replications: Arc<Replications>,
    metering: Arc<Metering>,
    /// Where a role that was commanded is kept; none without a store.
    kept: Option<PathBuf>,
    inside: Mutex<Inside>,
    /// Outside of the lock that its thread takes.
    watch: Mutex<Option<Watch>>,
    /// The pair, its folder and the configuration that it shares.
    link: Mutex<Option<Link>>,
    pair: Mutex<Option<(PathBuf, Weak<dyn Held>)>>,
    /// Held by whoever begins a pair, joins or leaves one: others may ask for the link meanwhile.
    changing: Mutex<()>,
}

struct Inside {
    ha: Ha,
    /// What was decided about this unit alone.
    decided: Verdict,
    role: Role,
    cause: String,
    /// The other unit, and since when its role is that of this one.
    peer: Option<Peer>,
    alike: Option<Instant>,
    /// What is wrong with the two of them.
    alarm: Option<Alarm>,
    part: Part,
    /// When it got its role, nanoseconds since 1970.
    since: i64,
    changes: u64,
    /// Why nobody can tell the role.
    trouble: Option<String>,
    /// Configurations so far: what an earlier one still says does not count.
    round: u64,
}

/// What is known of the other unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Peer {
    /// It has said then that it was decided to have this role.
    Says(Role, Instant),
    /// It cannot be spoken with since then.
    Lost(Instant),
}

/// What may be wrong with two units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    Both,
    Neither,
    /// Nobody can tell what the other one does.
    Alone(Role),
}

impl Alarm {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Both => "both units are to be active: the one that has begun the pair exports, the other one stands by",
            Self::Neither => "neither of both units is active: nobody exports",
            Self::Alone(Role::Active) => {
                "the other unit cannot be spoken with: this one exports, and so does the other one if it is active as well"
            }
            Self::Alone(Role::Standby) => {
                "the other unit cannot be spoken with: this one stands by, and nobody exports unless the other one is active"
            }
        }
    }
}

impl Unit {
    /// A unit that stands by where there is another one, until somebody has decided.
    pub(crate) fn new(
        ha: &Ha,
        exports: &Arc<Exports>,
        replications: &Arc<Replications>,
        metering: &Arc<Metering>,
        kept: Option<PathBuf>,
    ) -> Self {
        let role = if ha.mode() == HaMode::Alone { Role::Active } else { Role::Standby };
        let inside = Inside {
            ha: ha.clone(),
            decided: Verdict { role, cause: BEGUN.into() },
            role,
            cause: BEGUN.into(),
            peer: None,
            alike: None,
            alarm: None,
            part: Part::First,
            since: crate::collect::now(),
            changes: 0,
            trouble: None,
            round: 0,
        };
        let unit = Self {
            exports: Arc::clone(exports),
            replications: Arc::clone(replications),
            metering: Arc::clone(metering),
            kept,
            inside: Mutex::new(inside),
            watch: Mutex::default(),
            link: Mutex::default(),
            pair: Mutex::default(),
            changing: Mutex::default(),
        };
        let stands_by = role == Role::Standby;
        unit.replications.stand_by(stands_by);
        unit.exports.gate().stand_by(stands_by);
        [Origin::Meter, Origin::All].iter().for_each(|origin| unit.exports.gate().follow(*origin));
        unit
    }

    /// Goes over to another configuration. The error is a sentence, and nothing has changed then.
    pub(crate) fn apply(self: &Arc<Self>, ha: &Ha) -> Result<(), String> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let round = self.inside().round + 1;
        let unit = Arc::downgrade(self);
        let hear = move |heard| {
            if let Some(unit) = unit.upgrade() {
                unit.hear(round, heard);
            }
        };
        let watched = match (ha.mode(), ha.shared_address, &ha.role_file) {
            (HaMode::Address, Some(address), _) => Some(Watched::Address(address)),
            (HaMode::File, _, Some(path)) => Some(Watched::File(path.clone())),
            _ => None,
        };
        let mut inside = self.inside();
        // What the new one says first waits for this.
        let begun = watched.map(|watched| Watch::start(watched, hear)).transpose().map_err(|error| format!("ha: {error}"))?;
        let listens_elsewhere = inside.ha.listen != ha.listen;
        inside.ha = ha.clone();
        inside.round = round;
        inside.trouble = None;
        match ha.mode() {
            HaMode::Alone => self.decide(&mut inside, Verdict { role: Role::Active, cause: "there is no other unit".into() }),
            HaMode::Command => {
                let verdict = self.commanded();
                self.decide(&mut inside, verdict);
            }
            HaMode::Address | HaMode::File => {}
        }
        drop(inside);
        let before = std::mem::replace(&mut *watch, begun);
        drop(before);
        if listens_elsewhere {
            self.load_pair();
        }
        Ok(())
    }

    /// What was decided about this unit alone.
    pub(super) fn decided(&self) -> Role {
        self.inside().decided.role
    }

    /// What is known of the other unit; to be called now and then.
    pub(super) fn look_at_peer(&self, peer: Peer, part: Part) {
        let mut inside = self.inside();
        (inside.peer, inside.part) = (Some(peer), part);
        self.weigh(&mut inside);
    }

    fn listen(&self) -> SocketAddr {
        self.inside().ha.listen
    }

    /// Stops watching: the role stays what it is.
    pub(crate) fn close(&self) {
        self.inside().round += 1;
        let before = (lock(&self.watch).take(), lock(&self.link).take());
        drop(before);
    }

    /// Takes a role because somebody says so. The error is a sentence.
    pub(crate) fn command(&self, role: Role, who: &str) -> Result<(), String> {
        let mut inside = self.inside();
        match inside.ha.mode() {
            HaMode::Command => {}
            HaMode::Alone => return Err("this unit is alone: set ha.mode to \"command\", and then commit".into()),
            HaMode::Address => return Err("the shared address decides: move it, or set ha.mode to \"command\"".into()),
            HaMode::File => return Err("ha.role_file decides: write into it, or set ha.mode to \"command\"".into()),
        }
        let cause = format!("{who} said so");
        if let Some(path) = &self.kept {
            let boot = fs::read_to_string(BOOT).unwrap_or_default();
            let text = format!("{role} {} {cause}\n", boot.trim());
            if let Err(error) = fs::write(path, text) {
                tracing::warn!(%error, path = %path.display(), "the role is not kept: after a restart this unit stands by");
            }
        }
        self.decide(&mut inside, Verdict { role, cause });
        Ok(())
    }

    /// What is to be known of it.
    pub(crate) fn status(&self) -> HaStatus {
        let peer = lock(&self.link).as_ref().map(PeerStatus::of);
        let held = lock(&self.pair).as_ref().filter(|_| peer.is_some()).and_then(|(_, held)| held.upgrade());
        let configuration = held.and_then(|held| Some(held.held()?.version));
        let inside = self.inside();
        HaStatus {
            configuration,
            role: inside.role,
            mode: inside.ha.mode(),
            cause: inside.cause.clone(),
            since: weir_server::moment::text(inside.since),
            changes: inside.changes,
            withheld: self.exports.gate().withheld(),
            trouble: inside.trouble.clone().or_else(|| inside.alarm.map(|alarm| alarm.sentence().to_owned())),
            peer,
        }
    }

    /// What people have to look after, in sentences; without what no configuration is the cause of where that is asked for.
    pub(crate) fn problems(&self, by_configuration: bool) -> Vec<String> {
        let inside = self.inside();
        let unknown = |trouble: &String| format!("nobody can tell whether this unit is active, so it stands by: {trouble}");
        let alarm = inside.alarm.filter(|alarm| !(by_configuration && matches!(alarm, Alarm::Alone(_))));
        inside.trouble.as_ref().map(unknown).into_iter().chain(alarm.map(|alarm| alarm.sentence().to_owned())).collect()
    }

    /// What was commanded since the machine began.
    fn commanded(&self) -> Verdict {
        let nobody = Verdict { role: Role::Standby, cause: "nobody has said `weir ha active`".into() };
        let text = self.kept.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let mut words = text.trim().splitn(3, ' ');
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        match (words.next(), words.next(), words.next()) {
            (Some("active"), Some(of), Some(cause)) if of == boot.trim() => Verdict { role: Role::Active, cause: cause.into() },
            (Some("standby"), Some(of), Some(cause)) if of == boot.trim() => Verdict { role: Role::Standby, cause: cause.into() },
            _ => nobody,
        }
    }

    fn hear(&self, round: u64, heard: Result<Verdict, String>) {
        let mut inside = self.inside();
        if inside.round != round {
            return;
        }
        match heard {
            Ok(verdict) => {
                if inside.trouble.take().is_some() {
                    tracing::info!("the role of this unit can be told again");
                }
                self.decide(&mut inside, verdict);
            }
            Err(error) => {
                if inside.trouble.as_ref() != Some(&error) {
                    tracing::error!(error, "the role of this unit cannot be told: it stands by");
                }
                self.decide(&mut inside, Verdict { role: Role::Standby, cause: error.clone() });
                inside.trouble = Some(error);
            }
        }
    }

    fn decide(&self, inside: &mut Inside, verdict: Verdict) {
        inside.decided = verdict;
        self.weigh(inside);
    }

    /// Takes the role that was decided, unless the other unit has the same one for longer than a change takes.
    fn weigh(&self, inside: &mut Inside) {
        let mut verdict = inside.decided.clone();
        let is_alike =
            matches!(inside.peer, Some(Peer::Says(role, _)) if role == verdict.role) && inside.ha.mode() != HaMode::Alone;
        inside.alike = is_alike.then(|| inside.alike.unwrap_or_else(Instant::now));
        // What was said before it fell silent may be over: a unit that has failed says nothing of it.
        let lasts = match (inside.alike, inside.peer) {
            (Some(since), Some(Peer::Says(_, said))) => said.saturating_duration_since(since),
            _ => Duration::ZERO,
        };
        let alarm = match (verdict.role, inside.peer) {
            (Role::Active, Some(Peer::Says(..))) if lasts >= BOTH => Some(Alarm::Both),
            (Role::Standby, Some(Peer::Says(..))) if lasts >= NEITHER => Some(Alarm::Neither),
            (role, Some(Peer::Lost(since))) if since.elapsed() >= NEITHER => Some(Alarm::Alone(role)),
            _ => None,
        };
        if alarm == Some(Alarm::Both) && inside.part == Part::Second {
            verdict = Verdict { role: Role::Standby, cause: Alarm::Both.sentence().into() };
        }
        if inside.alarm != alarm {
            match alarm {
                Some(alarm) => tracing::error!("{}", alarm.sentence()),
                None if matches!(inside.peer, Some(Peer::Says(..))) => {
                    tracing::info!("the other unit is there, and one of both is active")
                }
                None => {}
            }
            inside.alarm = alarm;
        }
        self.turn(inside, verdict);
    }

    /// Takes a role, and does what follows from it.
    fn turn(&self, inside: &mut Inside, verdict: Verdict) {
        let Verdict { role, cause } = verdict;
        inside.cause = cause;
        if inside.role == role {
            return;
        }
        inside.role = role;
        inside.since = crate::collect::now();
        inside.changes += 1;
        let is_active = role == Role::Active;
        tracing::info!(cause = inside.cause, exports = is_active, "this unit is {role} now");
        self.replications.stand_by(!is_active);
        let gate = self.exports.gate();
        gate.stand_by(!is_active);
        gate.follow(Origin::All);
        // Where both meter the same packets the flows that are open are the other unit's to report.
        let is_own = inside.ha.traffic == Traffic::Own;
        if is_own && is_active {
            gate.follow(Origin::Meter);
        }
        let after = if is_own && !is_active { LEAVING } else { Duration::ZERO };
        if !self.metering.turn(is_own, after) {
            gate.follow(Origin::Meter);
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
