//! The tables of enrichment: what they are built from, and what they know of an address, an exporter, an interface.

use std::collections::HashMap;

use weir_record::{Address, names};

use crate::database::{self, DatabaseError, DatabaseInfo};
use crate::ranges::{Layer, Places, flatten, overlay};
use crate::texts::Texts;
use crate::{Prefix, PrefixMap};

/// All that tables are built from.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// MaxMind databases; where several know a thing of an address, the first counts.
    pub databases: Vec<Database>,
    /// Named prefixes; the longest that holds an address counts.
    pub groups: Vec<Group>,
    /// What is internal; everything else is external. None: nobody knows.
    pub internal: Vec<Prefix>,
    /// What is told about exporters; the longest prefix counts.
    pub sources: Vec<SourceSettings>,
}

/// A database in MaxMind's format.
#[derive(Clone, Debug)]
pub struct Database {
    /// What errors call it: the path of its file.
    pub name: String,
    /// The whole file.
    pub octets: Vec<u8>,
}

/// A prefix with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The addresses.
    pub prefix: Prefix,
    /// What `src_group` and `dst_group` show.
    pub name: String,
}

/// What the user tells about exporters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSettings {
    /// Which exporters are meant, by the column `exporter`.
    pub prefixes: Vec<Prefix>,
    /// Shown as `exporter_name`.
    pub name: Option<String>,
    /// Shown as `source_group`.
    pub group: Option<String>,
    /// What is told about its interfaces.
    pub interfaces: Vec<InterfaceSettings>,
}

/// What the user tells about an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceSettings {
    /// Its SNMP index, as in `in_if` and `out_if`.
    pub index: u32,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub alias: Option<String>,
    /// Its speed in bits per second.
    pub speed: Option<u64>,
    /// Which side it faces.
    pub boundary: Option<Boundary>,
}

/// Which side of the network an interface faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Inside.
    Internal,
    /// Outside.
    External,
}

impl Boundary {
    /// Its number in the columns `in_boundary` and `out_boundary`.
    pub const fn word(self) -> u8 {
        match self {
            Self::Internal => names::INTERNAL,
            Self::External => names::EXTERNAL,
        }
    }
}

/// Why tables cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// A database cannot be used.
    #[error("{name}: {error}")]
    Database {
        /// Its name in [`Parts`].
        name: String,
        /// What is wrong with it.
        error: DatabaseError,
    },
    /// A prefix has two names.
    #[error("{prefix} is in group {first:?} and in group {second:?}; a prefix has one name")]
    TwoGroups {
        /// The prefix.
        prefix: Prefix,
        /// The name told first.
        first: String,
        /// The name told later.
        second: String,
    },
    /// Two sources are told by the same prefix.
    #[error("{0} stands for two sources; an exporter has one")]
    TwoSources(Prefix),
    /// An interface of a source is told twice.
    #[error("interface {index} of the source at {prefix} is told twice")]
    TwoInterfaces {
        /// The interface.
        index: u32,
        /// The first prefix of its source.
        prefix: Prefix,
    },
}

/// What is known of an address, texts by number. Zero is nothing everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) country: u32,
    pub(crate) as_number: u32,
    pub(crate) as_name: u32,
    pub(crate) group: u32,
    pub(crate) is_internal: bool,
}

impl Place {
    /// What this one knows, and what another one knows besides.
    fn or(self, other: Self) -> Self {
        let system = if self.as_number == 0 { other } else { self };
        Self {
            country: if self.country == 0 { other.country } else { self.country },
            as_number: system.as_number,
            as_name: system.as_name,
            group: if self.group == 0 { other.group } else { self.group },
            is_internal: self.is_internal || other.is_internal,
        }
    }
}

/// What is known of an exporter, texts by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) name: u32,
    pub(crate) group: u32,
    /// Index of an interface and its place in [`Tables::interfaces`], ascending.
    interfaces: Vec<(u32, u32)>,
}

/// What is known of an interface, texts by number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Interface {
    pub(crate) name: u32,
    pub(crate) alias: u32,
    pub(crate) speed: Option<u64>,
    pub(crate) boundary: Option<Boundary>,
}

/// Everything that enrichment knows; see the [crate's head](crate). Never changed: to reload, build new ones and swap them whole.
#[derive(Clone, Debug)]
pub struct Tables {
    texts: Texts,
    /// Where each address falls: numbers of `known`.
    places: Places,
    known: Vec<Place>,
    as_names: HashMap<u32, u32, foldhash::fast::RandomState>,
    exporters: PrefixMap,
    sources: Vec<Source>,
    /// The first is one of which nothing is known.
    interfaces: Vec<Interface>,
    databases: Vec<DatabaseInfo>,
    has: Place,
}

/// Tables that know nothing.
impl Default for Tables {
    fn default() -> Self {
        Self {
            texts: Texts::new(),
            places: Places::default(),
            known: vec![Place::default()],
            as_names: HashMap::default(),
            exporters: PrefixMap::default(),
            sources: Vec::new(),
            interfaces: vec![Interface::default()],
            databases: Vec::new(),
            has: Place::default(),
        }
    }
}

impl Tables {
    /// Builds tables. Reads every database in full, which takes a second for the largest.
    ///
    /// # Errors
    /// Where a database cannot be used, or something is told twice.
    pub fn new(parts: &Parts) -> Result<Self, TablesError> {
        let mut tables = Self::default();
        tables.add_sources(&parts.sources)?;
        let mut layers = Layers::new();
        for database in &parts.databases {
            let flattened = database::read(&database.name, &database.octets, &mut tables.texts)
                .map_err(|error| TablesError::Database { name: database.name.clone(), error })?;
            layers.add(&flattened.v4, &flattened.v6, &flattened.places);
            let mut info = flattened.info;
            info.name.clone_from(&database.name);
            tables.databases.push(info);
        }
        tables.add_groups(&parts.groups, &mut layers)?;
        let internal = Place { is_internal: true, ..Place::default() };
        add_prefixes(parts.internal.iter().map(|prefix| (*prefix, 1)).collect(), &[Place::default(), internal], &mut layers);
        tables.places = Places::new(&layers.v4, &layers.v6);
        tables.known = layers.known;
        for place in &tables.known {
            tables.has = place.or(tables.has);
            if place.as_name != 0 {
                tables.as_names.entry(place.as_number).or_insert(place.as_name);
            }
        }
        Ok(tables)
    }

    /// The databases, in the order in which they were given.
    pub fn databases(&self) -> &[DatabaseInfo] {
        &self.databases
    }

    /// How many ranges of addresses are told apart.
    pub const fn ranges(&self) -> usize {
        self.places.ranges()
    }

    /// True where nothing is known of any address.
    pub(crate) const fn knows_no_address(&self) -> bool {
        self.places.is_empty()
    }

    /// True where nothing is known of any exporter.
    pub(crate) const fn knows_no_source(&self) -> bool {
        self.exporters.is_empty()
    }

    /// What is known of some address or other: zero where no address has the thing.
    pub(crate) const fn knows(&self) -> Place {
        self.has
    }

    #[inline]
    pub(crate) fn place(&self, address: Address) -> Place {
        self.known.get(self.places.get(address) as usize).copied().unwrap_or_default()
    }

    /// The number of the name of an autonomous system.
    pub(crate) fn as_name(&self, as_number: u32) -> u32 {
        self.as_names.get(&as_number).copied().unwrap_or(0)
    }

    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number)
    }

    pub(crate) fn source(&self, exporter: Address) -> Option<&Source> {
        self.sources.get(self.exporters.get(exporter)? as usize)
    }

    pub(crate) fn interface(&self, number: u32) -> Interface {
        self.interfaces.get(number as usize).copied().unwrap_or_default()
    }

    fn add_sources(&mut self, sources: &[SourceSettings]) -> Result<(), TablesError> {
        let mut prefixes: HashMap<Prefix, u32> = HashMap::new();
        for (number, settings) in (0..).zip(sources) {
            for prefix in &settings.prefixes {
                if prefixes.insert(*prefix, number).is_some_and(|other| other != number) {
                    return Err(TablesError::TwoSources(*prefix));
                }
            }
            let source = self.source_of(settings)?;
            self.sources.push(source);
        }
        self.exporters = PrefixMap::new(&prefixes.into_iter().collect::<Vec<_>>());
        Ok(())
    }

    fn source_of(&mut self, settings: &SourceSettings) -> Result<Source, TablesError> {
        let mut number = |text: &Option<String>| text.as_ref().map_or(0, |text| self.texts.number(text));
        let mut source = Source { name: number(&settings.name), group: number(&settings.group), interfaces: Vec::new() };
        for told in &settings.interfaces {
            source.interfaces.push((told.index, self.interfaces.len() as u32));
            self.interfaces.push(Interface {
                name: number(&told.name),
                alias: number(&told.alias),
                speed: told.speed,
                boundary: told.boundary,
            });
        }
        source.interfaces.sort_unstable();
        let twice = source.interfaces.windows(2).find(|pair| pair[0].0 == pair[1].0);
        match (twice, settings.prefixes.first()) {
            (Some(pair), Some(prefix)) => Err(TablesError::TwoInterfaces { index: pair[0].0, prefix: *prefix }),
            _ => Ok(source),
        }
    }

    fn add_groups(&mut self, groups: &[Group], layers: &mut Layers) -> Result<(), TablesError> {
        let mut told: HashMap<Prefix, &str> = HashMap::new();
        let mut known = vec![Place::default()];
        let mut prefixes = Vec::new();
        for group in groups {
            if let Some(first) = told.insert(group.prefix, &group.name).filter(|first| *first != group.name) {
                return Err(TablesError::TwoGroups { prefix: group.prefix, first: first.to_owned(), second: group.name.clone() });
            }
            prefixes.push((group.prefix, known.len() as u32));
            known.push(Place { group: self.texts.number(&group.name), ..Place::default() });
        }
        add_prefixes(prefixes, &known, layers);
        Ok(())
    }
}

/// Adds prefixes, each with the place in `known` of what it says.
fn add_prefixes(prefixes: Vec<(Prefix, u32)>, known: &[Place], layers: &mut Layers) {
    let (v4, v6): (Vec<_>, Vec<_>) = prefixes.into_iter().partition(|(prefix, _)| prefix.is_v4());
    layers.add(&flatten(v4), &flatten(v6), known);
}

impl Source {
    /// True where something is told of interfaces.
    pub(crate) const fn has_interfaces(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The number of an interface in [`Tables::interface`]; 0 for one of which nothing is told.
    #[inline]
    pub(crate) fn interface(&self, index: u32) -> u32 {
        let found = self.interfaces.binary_search_by_key(&index, |(index, _)| *index).ok();
        found.and_then(|place| self.interfaces.get(place)).map_or(0, |(_, number)| *number)
    }
}

/// Ranges of both families while tables are laid over each other.
struct Layers {
    v4: Layer,
    v6: Layer,
    known: Vec<Place>,
    numbers: HashMap<Place, u32, foldhash::fast::RandomState>,
}

impl Layers {
    fn new() -> Self {
        let numbers = std::iter::once((Place::default(), 0)).collect();
        Self { v4: vec![(0, 0)], v6: vec![(0, 0)], known: vec![Place::default()], numbers }
    }

    /// Lays ranges below those that are there: they tell what is not known yet.
    fn add(&mut self, v4: &Layer, v6: &Layer, places: &[Place]) {
        let before = std::mem::take(&mut self.known);
        self.numbers.clear();
        let (known, numbers) = (&mut self.known, &mut self.numbers);
        known.push(Place::default());
        numbers.insert(Place::default(), 0);
        let mut join = |one: u32, other: u32| {
            let place = |places: &[Place], number: u32| places.get(number as usize).copied().unwrap_or_default();
            let joined = place(&before, one).or(place(places, other));
            *numbers.entry(joined).or_insert_with(|| {
                known.push(joined);
                (known.len() - 1) as u32
            })
        };
        self.v4 = overlay(&self.v4, v4, &mut join);
        self.v6 = overlay(&self.v6, v6, &mut join);
    }
}
