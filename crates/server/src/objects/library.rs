//! All objects that people keep, changed one after the other; readers see a whole state.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::http::StatusCode;
use weir_analytics::model::{Chapter, Dashboard, Profile, Scope, ServiceRecipe};

use super::collection::{Collection, Kept};
use super::document::{Envelope, Filling, Origin, Page, ServiceDocument};
use crate::error::Fault;
use crate::people::{Caller, Role};

/// Where objects are kept while the service does not run, and sums of channels are asked for.
pub trait Shelf: Send + Sync + 'static {
    /// What was saved last; nothing before that.
    ///
    /// # Errors
    /// Where it cannot be read: a sentence with its place.
    fn load(&self) -> Result<Option<Vec<u8>>, String>;

    /// Saves all objects in place of those before; durable when it returns.
    ///
    /// # Errors
    /// Where that cannot be done: a sentence. What was saved before is whole then.
    fn save(&self, objects: &[u8]) -> Result<(), String>;

    /// The filters of which sums are to be kept from now on, in one spelling each; told at the start and after each change.
    fn keep_sums(&self, filters: &BTreeSet<String>);

    /// How far the past is in the sums of a filter; nothing where none are kept, or all of it is. The name of the channel is left to the caller.
    fn filling(&self, filter: &str) -> Option<Filling>;
}

/// All objects that people keep.
pub struct Library {
    shelf: Box<dyn Shelf>,
    current: RwLock<Arc<Collection>>,
    /// Held by whoever changes something.
    changing: Mutex<()>,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("version", &self.current().version).finish_non_exhaustive()
    }
}

/// Who asks: by name where somebody is signed in, and whether everything may be seen and changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) is_admin: bool,
}

impl<'a> Asker<'a> {
    pub(super) fn of(caller: &'a Caller) -> Self {
        Self { name: caller.user(), is_admin: caller.role() == Role::Admin }
    }

    /// True for what is shared, and one's own.
    pub(super) fn sees<T: Kept>(self, envelope: &Envelope<T>) -> bool {
        self.is_admin || envelope.object.is_shared() || self.owns(envelope)
    }

    fn owns<T>(self, envelope: &Envelope<T>) -> bool {
        self.name.is_some() && envelope.owner.as_deref() == self.name
    }
}

impl Library {
    /// What is on the shelf, or where nothing is yet what is there from the start.
    ///
    /// # Errors
    /// Where the shelf cannot be used, or has something else on it: a sentence.
    pub fn open(shelf: Box<dyn Shelf>, now: i64) -> Result<Self, String> {
        let collection = match shelf.load()? {
            Some(octets) => Collection::read(&octets)?,
            None => {
                let collection = Collection::ready(now);
                let octets = collection.write().map_err(|fault| fault.refusal.error)?;
                shelf.save(&octets)?;
                collection
            }
        };
        shelf.keep_sums(&collection.stored());
        Ok(Self { shelf, current: RwLock::new(Arc::new(collection)), changing: Mutex::default() })
    }

    pub(super) fn current(&self) -> Arc<Collection> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Some of what somebody may see.
    pub(super) fn page<T: Kept>(&self, asker: Asker<'_>, after: Option<&str>, limit: usize) -> Page<T> {
        let collection = self.current();
        let seen = || T::of(&collection).values().filter(|envelope| asker.sees(envelope));
        let mut rest = seen().filter(|envelope| after.is_none_or(|after| envelope.id.as_str() > after));
        let items: Vec<Envelope<T>> = rest.by_ref().take(limit).map(|envelope| (**envelope).clone()).collect();
        let next = rest.next().and_then(|_| Some(items.last()?.id.clone()));
        Page { items, next, total: seen().count() }
    }

    /// One of them; who may not see it is told that there is none.
    pub(super) fn get<T: Kept>(&self, asker: Asker<'_>, id: &str) -> Result<Envelope<T>, Fault> {
        Ok((*find(&self.current(), asker, id)?).clone())
    }

    pub(super) fn create<T: Kept>(&self, asker: Asker<'_>, now: i64, object: T) -> Result<Envelope<T>, Fault> {
        object.check()?;
        let envelope = self.change(|collection| {
            let id = collection.new_id::<T>();
            has_room::<T>(collection)?;
            let envelope = collection.put(id.clone(), asker.name.map(str::to_owned), Origin::User, now, object);
            Ok((id, envelope))
        })?;
        Ok((*envelope).clone())
    }

    pub(super) fn replace<T: Kept>(
        &self,
        asker: Asker<'_>,
        now: i64,
        id: &str,
        version: Expected,
        object: T,
    ) -> Result<Envelope<T>, Fault> {
        object.check()?;
        let envelope = self.change(|collection| {
            let before = changeable::<T>(collection, asker, id, version)?;
            let envelope = collection.put(id.to_owned(), before.owner.clone(), before.origin, now, object);
            Ok((id.to_owned(), envelope))
        })?;
        Ok((*envelope).clone())
    }

    pub(super) fn delete<T: Kept>(&self, asker: Asker<'_>, id: &str, version: Expected) -> Result<(), Fault> {
        self.change(|collection| {
            changeable::<T>(collection, asker, id, version)?;
            T::of_mut(collection).remove(id);
            Ok((id.to_owned(), ()))
        })
    }

    /// Makes the profile, the chapters and the dashboard of a service, all of them or none.
    pub(super) fn make_service(&self, asker: Asker<'_>, now: i64, recipe: &ServiceRecipe) -> Result<ServiceDocument, Fault> {
        let view = recipe.view()?;
        self.change(|collection| {
            let owner = || asker.name.map(str::to_owned);
            let profile_id = collection.new_id::<Profile>();
            has_room::<Profile>(collection)?;
            let profile = collection.put(profile_id.clone(), owner(), Origin::User, now, view.profile);
            let mut chapters = Vec::new();
            for chapter in view.chapters {
                let id = collection.new_id::<Chapter>();
                has_room::<Chapter>(collection)?;
                let chapter = Chapter { profile: profile_id.clone(), ..chapter };
                chapter.check()?;
                chapters.push((*collection.put(id, owner(), Origin::User, now, chapter)).clone());
            }
            let mut dashboard = view.dashboard;
            for widget in &mut dashboard.widgets {
                let place = widget.chapter.parse::<usize>().ok();
                widget.chapter = place.and_then(|place| Some(chapters.get(place)?.id.clone())).unwrap_or_default();
            }
            let id = collection.new_id::<Dashboard>();
            has_room::<Dashboard>(collection)?;
            let dashboard = (*collection.put(id, owner(), Origin::User, now, dashboard)).clone();
            Ok((profile_id, ServiceDocument { profile: (*profile).clone(), chapters, dashboard }))
        })
    }

    /// What a profile comes to.
    pub(super) fn scope(&self, envelope: &Envelope<Profile>) -> Result<Scope, Fault> {
        Ok(self.current().scope_of(&envelope.id, &envelope.object)?)
    }

    /// How far the past is in the sums of a profile's channels.
    pub(super) fn filling(&self, envelope: &Envelope<Profile>) -> Vec<Filling> {
        if envelope.object.series != weir_analytics::model::Keeping::Stored {
            return Vec::new();
        }
        let channels = self.scope(envelope).map(|scope| scope.channels).unwrap_or_default();
        let filling = |channel: weir_analytics::model::ScopeChannel| {
            Some(Filling { channel: channel.name, ..self.shelf.filling(&channel.filter)? })
        };
        channels.into_iter().filter_map(filling).collect()
    }

    /// Makes a change on a copy, checks it, saves it, and only then shows it. `make` tells the id of what it changed.
    fn change<R>(&self, make: impl FnOnce(&mut Collection) -> Result<(String, R), Fault>) -> Result<R, Fault> {
        let _alone: MutexGuard<'_, ()> = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let mut collection = (*before).clone();
        collection.version += 1;
        let (id, made) = make(&mut collection)?;
        collection.check(&id)?;
        let octets = collection.write()?;
        let cannot = |error: String| Fault::new(StatusCode::SERVICE_UNAVAILABLE, format!("this cannot be saved: {error}"));
        self.shelf.save(&octets).map_err(cannot)?;
        let (stored, stored_before) = (collection.stored(), before.stored());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(collection);
        if stored != stored_before {
            self.shelf.keep_sums(&stored);
        }
        Ok(made)
    }
}

/// Which version somebody believes to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Whatever is there.
    Any,
    /// This one; nothing for a tag that no version has.
    Version(Option<u64>),
}

fn find<T: Kept>(collection: &Collection, asker: Asker<'_>, id: &str) -> Result<Arc<Envelope<T>>, Fault> {
    let found = T::of(collection).get(id).filter(|envelope| asker.sees(envelope)).cloned();
    found.ok_or_else(|| missing(T::WORD, id))
}

/// What is told of an object that is not there.
pub(super) fn missing(word: &str, id: &str) -> Fault {
    Fault::new(StatusCode::NOT_FOUND, format!("there is no {word} `{id}`"))
}

/// The object, where somebody may change it and knows what it is.
fn changeable<T: Kept>(
    collection: &Collection,
    asker: Asker<'_>,
    id: &str,
    expected: Expected,
) -> Result<Arc<Envelope<T>>, Fault> {
    let envelope = find::<T>(collection, asker, id)?;
    if !asker.is_admin && !asker.owns(&envelope) {
        let error = format!("the {} `{id}` belongs to somebody else: make one of your own from it", T::WORD);
        return Err(Fault::new(StatusCode::FORBIDDEN, error));
    }
    match expected {
        Expected::Version(version) if version != Some(envelope.version) => {
            let error = format!("the {} `{id}` was changed meanwhile: read it again, and make your change to that", T::WORD);
            Err(Fault::new(StatusCode::PRECONDITION_FAILED, error))
        }
        _ => Ok(envelope),
    }
}

fn has_room<T: Kept>(collection: &Collection) -> Result<(), Fault> {
    if T::of(collection).len() < T::MOST {
        return Ok(());
    }
    let error = format!("there are {} {}s, and no more are kept: delete one first", T::MOST, T::WORD);
    Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, error))
}
