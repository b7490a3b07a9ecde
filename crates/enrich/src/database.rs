//! MaxMind databases (MaxMind DB file format, version 2.0), flattened into ranges.
//!
//! The whole tree is walked once and each record that it names is decoded once, so a database with a fault is refused when it is
//! loaded and costs nothing afterwards. What is looked for is named as MaxMind, DB-IP and IPinfo name it.

use std::collections::HashMap;
use std::net::IpAddr;

use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};

use crate::ranges::{Layer, push_range};
use crate::tables::Place;
use crate::texts::Texts;

/// Most networks that one database may have. The largest that are sold have about a tenth.
pub const MAX_NETWORKS: usize = 1 << 26;

/// Where the code of a country stands.
const COUNTRY: &[&[PathElement<'_>]] = &[
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];
/// Where the number of an autonomous system stands as a number.
const AS_NUMBER: &[&[PathElement<'_>]] = &[
    &[PathElement::Key("autonomous_system_number")],
    &[PathElement::Key("traits"), PathElement::Key("autonomous_system_number")],
];
/// Where it stands as a text, as `AS64500`.
const AS_NUMBER_TEXT: &[&[PathElement<'_>]] = &[&[PathElement::Key("asn")]];
/// Where its name stands.
const AS_NAME: &[&[PathElement<'_>]] = &[
    &[PathElement::Key("autonomous_system_organization")],
    &[PathElement::Key("traits"), PathElement::Key("autonomous_system_organization")],
    &[PathElement::Key("as_name")],
];

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is not in the format, or damaged.
    #[error(transparent)]
    Format(#[from] MaxMindDbError),
    /// It has more networks than [`MAX_NETWORKS`].
    #[error("more than {MAX_NETWORKS} networks")]
    TooManyNetworks,
    /// It knows neither countries nor autonomous systems.
    #[error("a database of type {0:?} with neither countries nor autonomous systems in it")]
    NothingKnown(String),
}

/// What there is to say of a database that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// The name that the caller gave it.
    pub name: String,
    /// Its type as it says itself, as `GeoLite2-Country`.
    pub database_type: String,
    /// When it was made, seconds since 1970.
    pub build_epoch: u64,
    /// Networks in it.
    pub networks: usize,
}

/// The ranges of a database, numbers naming entries of `places`.
pub(crate) struct Flattened {
    pub(crate) info: DatabaseInfo,
    pub(crate) v4: Layer,
    pub(crate) v6: Layer,
    pub(crate) places: Vec<Place>,
}

/// Reads a database in full.
pub(crate) fn read(name: &str, octets: &[u8], texts: &mut Texts) -> Result<Flattened, DatabaseError> {
    let reader = Reader::from_source(octets)?;
    let metadata = reader.metadata();
    let info = DatabaseInfo {
        name: name.to_owned(),
        database_type: metadata.database_type.clone(),
        build_epoch: metadata.build_epoch,
        networks: 0,
    };
    let mut flattened = Flattened { info, v4: vec![(0, 0)], v6: vec![(0, 0)], places: vec![Place::default()] };
    // Many networks share a record: the number of its place by the record's offset.
    let mut numbers: HashMap<usize, u32, foldhash::fast::RandomState> = HashMap::default();
    for found in reader.networks(WithinOptions::default())? {
        let found = found?;
        flattened.info.networks += 1;
        if flattened.info.networks > MAX_NETWORKS {
            return Err(DatabaseError::TooManyNetworks);
        }
        let Some(offset) = found.offset() else {
            continue;
        };
        let number = match numbers.get(&offset) {
            Some(number) => *number,
            None => {
                let number = flattened.number(place(&found, texts)?);
                numbers.insert(offset, number);
                number
            }
        };
        flattened.add(&found, number)?;
    }
    if flattened.places.len() == 1 {
        return Err(DatabaseError::NothingKnown(flattened.info.database_type));
    }
    Ok(flattened)
}

impl Flattened {
    /// The number of a place; 0 for one of which nothing is known.
    fn number(&mut self, place: Place) -> u32 {
        if place == Place::default() {
            return 0;
        }
        self.places.push(place);
        // There are fewer places than networks.
        (self.places.len() - 1) as u32
    }

    /// Appends a network; they come in the order of addresses.
    fn add<S: AsRef<[u8]>>(&mut self, found: &LookupResult<'_, S>, number: u32) -> Result<(), DatabaseError> {
        let network = found.network()?;
        let length = u32::from(network.prefix());
        let (layer, first, rest) = match network.ip() {
            IpAddr::V4(v4) => (&mut self.v4, u128::from(v4.to_bits()), u128::from(u32::MAX.checked_shr(length).unwrap_or(0))),
            IpAddr::V6(v6) => (&mut self.v6, v6.to_bits(), u128::MAX.checked_shr(length).unwrap_or(0)),
        };
        push_range(layer, first, number);
        if let Some(next) = (first | rest).checked_add(1) {
            push_range(layer, next, 0);
        }
        Ok(())
    }
}

/// What a record of the database says.
fn place<S: AsRef<[u8]>>(found: &LookupResult<'_, S>, texts: &mut Texts) -> Result<Place, DatabaseError> {
    let country = first_text(found, COUNTRY)?.map_or(0, |code| texts.number(code));
    let mut as_number = None;
    for path in AS_NUMBER {
        as_number = as_number.or(of_kind(found.decode_path::<u32>(path))?);
    }
    if as_number.is_none() {
        as_number = first_text(found, AS_NUMBER_TEXT)?.and_then(|text| text.trim_start_matches("AS").parse().ok());
    }
    let Some(as_number) = as_number else {
        return Ok(Place { country, ..Place::default() });
    };
    let as_name = first_text(found, AS_NAME)?.map_or(0, |name| texts.number(name));
    Ok(Place { country, as_number, as_name, ..Place::default() })
}

/// The text at the first of the paths that has one.
fn first_text<'a, S: AsRef<[u8]>>(
    found: &LookupResult<'a, S>,
    paths: &[&[PathElement<'_>]],
) -> Result<Option<&'a str>, DatabaseError> {
    for path in paths {
        if let Some(text) = of_kind(found.decode_path::<&str>(path))? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// A value, or nothing where one of another kind stands: `country` is a text in some databases and a map in others.
fn of_kind<T>(decoded: Result<Option<T>, MaxMindDbError>) -> Result<Option<T>, DatabaseError> {
    match decoded {
        Ok(value) => Ok(value),
        Err(MaxMindDbError::Decoding { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
