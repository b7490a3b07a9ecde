//! All objects at a moment, and what refers to what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weir_analytics::model::chapter::ALL_SOURCES;
use weir_analytics::model::{Chapter, Dashboard, Invalid, Keeping, MAX_PARENTS, Profile, Scope, ready};

use super::document::{Envelope, Origin};
use crate::error::{Fault, Place, Refusal};

/// Profiles at most.
pub const MAX_PROFILES: usize = 256;
/// Chapters at most.
pub const MAX_CHAPTERS: usize = 2048;
/// Dashboards at most.
pub const MAX_DASHBOARDS: usize = 256;
/// Channels of which sums are kept, in all profiles.
pub const MAX_STORED_CHANNELS: usize = 256;
/// Octets of all objects together.
pub const MAX_OCTETS: usize = 16 << 20;

/// The version of the text on the shelf.
const FORMAT: u32 = 1;

/// Objects of one kind by id.
pub(super) type Objects<T> = BTreeMap<String, Arc<Envelope<T>>>;

/// All objects at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Collection {
    /// That of the latest change.
    pub(super) version: u64,
    /// Number of the next object, so that no id is used twice.
    pub(super) next: u64,
    pub(super) profiles: Objects<Profile>,
    pub(super) chapters: Objects<Chapter>,
    pub(super) dashboards: Objects<Dashboard>,
}

/// A kind of object.
pub(super) trait Kept: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What one is called.
    const WORD: &'static str;
    /// With what ids begin.
    const LETTER: char;
    /// How many there may be.
    const MOST: usize;

    fn check(&self) -> Result<(), Invalid>;
    fn is_shared(&self) -> bool;
    fn of(collection: &Collection) -> &Objects<Self>;
    fn of_mut(collection: &mut Collection) -> &mut Objects<Self>;
}

macro_rules! kept {
    ($($object:ident $word:literal $letter:literal $most:ident $of:ident;)*) => {
        $(impl Kept for $object {
            const WORD: &'static str = $word;
            const LETTER: char = $letter;
            const MOST: usize = $most;

            fn check(&self) -> Result<(), Invalid> {
                self.check()
            }

            fn is_shared(&self) -> bool {
                self.shared
            }

            fn of(collection: &Collection) -> &Objects<Self> {
                &collection.$of
            }

            fn of_mut(collection: &mut Collection) -> &mut Objects<Self> {
                &mut collection.$of
            }
        })*
    };
}

kept! {
    Profile "profile" 'p' MAX_PROFILES profiles;
    Chapter "chapter" 'c' MAX_CHAPTERS chapters;
    Dashboard "dashboard" 'd' MAX_DASHBOARDS dashboards;
}

/// The text on the shelf.
#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    version: u64,
    next: u64,
    profiles: Vec<Arc<Envelope<Profile>>>,
    chapters: Vec<Arc<Envelope<Chapter>>>,
    dashboards: Vec<Arc<Envelope<Dashboard>>>,
}

impl Collection {
    /// What is there from the start.
    pub(super) fn ready(now: i64) -> Self {
        fn envelope<T>((id, object): (String, T), changed: i64) -> (String, Arc<Envelope<T>>) {
            let (version, owner, origin, filling) = (1, None, Origin::Weir, Vec::new());
            (id.clone(), Arc::new(Envelope { id, version, owner, origin, changed, filling, object }))
        }
        Self {
            version: 1,
            next: 1,
            profiles: BTreeMap::new(),
            chapters: ready::chapters().into_iter().map(|chapter| envelope(chapter, now)).collect(),
            dashboards: ready::dashboards().into_iter().map(|dashboard| envelope(dashboard, now)).collect(),
        }
    }

    /// Reads what was put on the shelf. The error is a sentence.
    pub(super) fn read(octets: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
        if format != FORMAT {
            return Err(format!("its format is {format}, this program reads {FORMAT}"));
        }
        let text: Text = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
        fn by_id<T>(objects: Vec<Arc<Envelope<T>>>) -> Objects<T> {
            objects.into_iter().map(|object| (object.id.clone(), object)).collect()
        }
        let Text { version, next, profiles, chapters, dashboards, .. } = text;
        Ok(Self { version, next, profiles: by_id(profiles), chapters: by_id(chapters), dashboards: by_id(dashboards) })
    }

    /// The text for the shelf.
    pub(super) fn write(&self) -> Result<Vec<u8>, Fault> {
        fn list<T>(objects: &Objects<T>) -> Vec<Arc<Envelope<T>>> {
            objects.values().cloned().collect()
        }
        let text = Text {
            format: FORMAT,
            version: self.version,
            next: self.next,
            profiles: list(&self.profiles),
            chapters: list(&self.chapters),
            dashboards: list(&self.dashboards),
        };
        let octets = serde_json::to_vec(&text);
        let octets = octets.map_err(|error| Fault::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        if octets.len() > MAX_OCTETS {
            let error = format!("all objects together have more than {} MiB: delete some, or shorten filters", MAX_OCTETS >> 20);
            return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, error));
        }
        Ok(octets)
    }

    /// Puts an object there, and gives its envelope.
    pub(super) fn put<T: Kept>(
        &mut self,
        id: String,
        owner: Option<String>,
        origin: Origin,
        changed: i64,
        object: T,
    ) -> Arc<Envelope<T>> {
        let version = self.version;
        let envelope = Arc::new(Envelope { id: id.clone(), version, owner, origin, changed, filling: Vec::new(), object });
        T::of_mut(self).insert(id, Arc::clone(&envelope));
        envelope
    }

    /// An id that no object had before.
    pub(super) fn new_id<T: Kept>(&mut self) -> String {
        let number = self.next;
        self.next += 1;
        format!("{}-{number}", T::LETTER)
    }

    /// Whether all references lead somewhere and everything that is shared consists of what is shared. `changed` is the object that was changed: what is
    /// wrong with it is told by field, what is wrong with others because of it as a conflict.
    pub(super) fn check(&self, changed: &str) -> Result<(), Fault> {
        let told = |id: &str, word: &str, name: &str, invalid: Invalid| -> Fault {
            if id == changed {
                return invalid.into();
            }
            let error = format!("the {word} `{name}` ({id}) uses it: {}", invalid.error);
            Fault::new(StatusCode::CONFLICT, error)
        };
        let mut stored = BTreeSet::new();
        for (id, envelope) in &self.profiles {
            let profile = &envelope.object;
            let scope = self.scope_of(id, profile).map_err(|invalid| told(id, "profile", &profile.name, invalid))?;
            if profile.series == Keeping::Stored {
                stored.extend(scope.channels.into_iter().map(|channel| channel.filter));
            }
        }
        if stored.len() > MAX_STORED_CHANNELS {
            let error = format!("sums of {} channels would be kept in all, at most {MAX_STORED_CHANNELS} can be", stored.len());
            return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, error));
        }
        for (id, envelope) in &self.chapters {
            let chapter = &envelope.object;
            self.check_chapter(chapter).map_err(|invalid| told(id, "chapter", &chapter.name, invalid))?;
        }
        for (id, envelope) in &self.dashboards {
            let dashboard = &envelope.object;
            self.check_dashboard(dashboard).map_err(|invalid| told(id, "dashboard", &dashboard.name, invalid))?;
        }
        Ok(())
    }

    fn check_chapter(&self, chapter: &Chapter) -> Result<(), Invalid> {
        if chapter.profile == ALL_SOURCES {
            return Ok(());
        }
        let profile = &self.find(&self.profiles, "profile", &chapter.profile)?.object;
        if chapter.shared && !profile.shared {
            return Err(invalid("shared", format!("its profile `{}` is not shared", profile.name)));
        }
        let is_there = |name: &&String| profile.channels.iter().any(|channel| channel.name == **name);
        match chapter.channels.iter().position(|name| !is_there(&name)) {
            Some(place) => Err(invalid(
                &format!("channels[{place}]"),
                format!("the profile `{}` has no channel `{}`", profile.name, chapter.channels[place]),
            )),
            None => Ok(()),
        }
    }

    fn check_dashboard(&self, dashboard: &Dashboard) -> Result<(), Invalid> {
        for (place, widget) in dashboard.widgets.iter().enumerate() {
            let field = format!("widgets[{place}].chapter");
            let chapter = &self.find(&self.chapters, &field, &widget.chapter)?.object;
            if dashboard.shared && !chapter.shared {
                return Err(invalid("shared", format!("its chapter `{}` ({}) is not shared", chapter.name, widget.chapter)));
            }
        }
        Ok(())
    }

    fn find<'a, T: Kept>(&self, objects: &'a Objects<T>, field: &str, id: &str) -> Result<&'a Envelope<T>, Invalid> {
        let found = objects.get(id).map(|envelope| &**envelope);
        found.ok_or_else(|| invalid(field, format!("there is no {} `{id}`", T::WORD)))
    }

    /// What a profile comes to with those above it.
    pub(super) fn scope_of(&self, id: &str, profile: &Profile) -> Result<Scope, Invalid> {
        let mut above: Vec<&Profile> = Vec::new();
        let mut next = profile.parent.as_deref();
        while let Some(parent) = next {
            if parent == ALL_SOURCES {
                return Err(invalid("parent", format!("every profile is within {ALL_SOURCES}: leave it out")));
            }
            if parent == id || above.len() > MAX_PARENTS {
                return Err(invalid("parent", "profiles stand above each other in a ring, or too many above one another".into()));
            }
            let found = &self.find(&self.profiles, "parent", parent)?.object;
            if profile.shared && !found.shared {
                return Err(invalid("shared", format!("the profile `{}` above it is not shared", found.name)));
            }
            above.push(found);
            next = found.parent.as_deref();
        }
        profile.scope(&above)
    }

    /// The filters of all channels of which sums are kept.
    pub(super) fn stored(&self) -> BTreeSet<String> {
        let stored = self.profiles.iter().filter(|(_, envelope)| envelope.object.series == Keeping::Stored);
        let scopes = stored.filter_map(|(id, envelope)| self.scope_of(id, &envelope.object).ok());
        scopes.flat_map(|scope| scope.channels.into_iter().map(|channel| channel.filter)).collect()
    }
}

fn invalid(field: &str, error: String) -> Invalid {
    Invalid { field: field.into(), error, place: None }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let refusal = Self::of(&invalid.field, format!("{}: {}", invalid.field, invalid.error));
        match invalid.place {
            Some(error) => Self {
                place: Some(Box::new(Place { position: Some(error.position), line: error.line, column: error.column })),
                expected: error.expected,
                hint: error.hint,
                ..refusal
            },
            None => refusal,
        }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Refusal::from(invalid).into()
    }
}
