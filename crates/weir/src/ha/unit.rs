//! This unit: its role, who decided it, and what follows from it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::watch::{Watch, Watched};
use super::{Role, Verdict};
use crate::config::{Ha, HaMode, Origin, Traffic};
use crate::export::Exports;
use crate::replicate::Replications;
use crate::service::metering::Metering;

/// Says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

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
}

struct Inside {
    ha: Ha,
    role: Role,
    cause: String,
    /// When it got its role, nanoseconds since 1970.
    since: i64,
    changes: u64,
    /// Why nobody can tell the role.
    trouble: Option<String>,
    /// Configurations so far: what an earlier one still says does not count.
    round: u64,
}

/// What people are told of a unit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HaStatus {
    /// What it is.
    pub(crate) role: Role,
    /// What decides.
    pub(crate) mode: HaMode,
    /// Why it is what it is.
    pub(crate) cause: String,
    /// Since when, RFC 3339.
    pub(crate) since: String,
    /// How often that has changed since the service began.
    pub(crate) changes: u64,
    /// Records that were not sent because it stood by.
    pub(crate) withheld: u64,
    /// Why nobody can tell the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
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
            role,
            cause: "it has just begun".into(),
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
        inside.ha = ha.clone();
        inside.round = round;
        inside.trouble = None;
        match ha.mode() {
            HaMode::Alone => self.turn(&mut inside, Verdict { role: Role::Active, cause: "there is no other unit".into() }),
            HaMode::Command => {
                let verdict = self.commanded();
                self.turn(&mut inside, verdict);
            }
            HaMode::Address | HaMode::File => {}
        }
        drop(inside);
        let before = std::mem::replace(&mut *watch, begun);
        drop(before);
        Ok(())
    }

    /// Stops watching: the role stays what it is.
    pub(crate) fn close(&self) {
        self.inside().round += 1;
        let before = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
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
        self.turn(&mut inside, Verdict { role, cause });
        Ok(())
    }

    /// What is to be known of it.
    pub(crate) fn status(&self) -> HaStatus {
        let inside = self.inside();
        HaStatus {
            role: inside.role,
            mode: inside.ha.mode(),
            cause: inside.cause.clone(),
            since: weir_server::moment::text(inside.since),
            changes: inside.changes,
            withheld: self.exports.gate().withheld(),
            trouble: inside.trouble.clone(),
        }
    }

    /// Why nobody can tell the role.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.inside().trouble.clone()
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
                self.turn(&mut inside, verdict);
            }
            Err(error) => {
                if inside.trouble.as_ref() != Some(&error) {
                    tracing::error!(error, "the role of this unit cannot be told: it stands by");
                }
                self.turn(&mut inside, Verdict { role: Role::Standby, cause: error.clone() });
                inside.trouble = Some(error);
            }
        }
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
