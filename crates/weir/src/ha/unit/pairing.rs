//! How a unit begins a pair, joins one, goes on with it and leaves it.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::super::identity::{Identity, Part};
use super::super::link::Link;
use super::super::session::Held;
use super::{Unit, lock};
use crate::config::PAIR_PORT;

impl Unit {
    /// Goes on with the pair that is kept in this folder, whose settings are these.
    pub(crate) fn share(self: &Arc<Self>, folder: PathBuf, held: Weak<dyn Held>) {
        *lock(&self.pair) = Some((folder, held));
        self.load_pair();
    }

    pub(super) fn load_pair(self: &Arc<Self>) {
        let _turn = lock(&self.changing);
        let Some((folder, held)) = lock(&self.pair).clone() else { return };
        let mut link = lock(&self.link);
        *link = None;
        match Link::load(&folder, self.listen(), Arc::downgrade(self), held) {
            Ok(loaded) => *link = loaded,
            Err(error) => tracing::error!(error, "the other unit cannot be spoken with: `weir ha leave` ends the pair"),
        }
    }

    /// Begins a pair, where there is none, and gives a token for the other unit. The error is a sentence.
    pub(crate) fn init(self: &Arc<Self>) -> Result<String, String> {
        let _turn = lock(&self.changing);
        let (folder, held) = lock(&self.pair).clone().ok_or("the service has only just begun")?;
        let mut link = lock(&self.link);
        match link.as_ref().map(Link::part) {
            Some(Part::First) => {}
            Some(Part::Second) => return Err("this unit has joined a pair: `weir ha leave` ends that".into()),
            None => {
                no_pair(&folder)?;
                *link = Some(Link::init(&folder, self.listen(), Arc::downgrade(self), held)?);
            }
        }
        link.as_ref().map_or_else(|| Err("there is no pair".into()), Link::token)
    }

    /// Joins the pair of the unit there. The error is a sentence.
    pub(crate) fn join(self: &Arc<Self>, address: &str, token: &str) -> Result<(), String> {
        let _turn = lock(&self.changing);
        let (folder, held) = lock(&self.pair).clone().ok_or("the service has only just begun")?;
        if lock(&self.link).is_some() {
            return Err("this unit is in a pair: `weir ha leave` ends that".into());
        }
        no_pair(&folder)?;
        // Without a port, that which units listen on.
        let has_port =
            address.parse::<SocketAddr>().is_ok() || address.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':'));
        let address = match address.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{PAIR_PORT}"),
            Err(_) if has_port => address.to_owned(),
            Err(_) => format!("{address}:{PAIR_PORT}"),
        };
        let joined = Link::join(&folder, self.listen(), &address, token, Arc::downgrade(self), held)?;
        *lock(&self.link) = Some(joined);
        Ok(())
    }

    /// Ends the pair, as far as this unit is in it. The error is a sentence.
    pub(crate) fn leave(&self) -> Result<(), String> {
        let _turn = lock(&self.changing);
        let Some((folder, _)) = lock(&self.pair).clone() else { return Ok(()) };
        let before = lock(&self.link).take();
        drop(before);
        let mut inside = self.inside();
        inside.peer = None;
        self.weigh(&mut inside);
        drop(inside);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
            _ => Ok(()),
        }
    }

    /// The values of this unit count where both have changed a key. The error is a sentence.
    pub(crate) fn settle(&self) -> Result<(), String> {
        lock(&self.link).as_ref().map(Link::settle).ok_or_else(|| "there is no pair: `weir ha init` begins one".into())
    }
}

/// What cannot be gone on with is not written over.
fn no_pair(folder: &Path) -> Result<(), String> {
    match Identity::load(folder)? {
        Some(_) => Err("this unit was in a pair that could not be gone on with: see the log, or `weir ha leave` ends it".into()),
        None => Ok(()),
    }
}
