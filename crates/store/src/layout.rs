//! How rows lie in columnar files: Parquet's type of each column, and what a file says of itself.
//!
//! Everything follows from the column tables of `weir-record`. A file is plain Parquet (pages of version 2) that any reader knows: numbers have their width,
//! times are UTC, texts and words are strings. An address is two unsigned columns, `NAME_high` and `NAME_low`, as [`Address`](weir_record::Address) holds it. A
//! column that no row of a file has a value for is not in that file; readers take it as absent.

pub(crate) mod hybrid;

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use weir_record::{ColumnInfo, ColumnType, CounterBatch, FlowBatch, HealthBatch, SeriesBatch, Table};

use crate::block::BlockTable;
use crate::times::Times;

/// Rows of a page, in every column the same, so that a page is a block of rows: small enough for the cache and for reading few rows, large enough that
/// what a page costs by itself is little.
pub(crate) const PAGE_ROWS: usize = 8_192;

/// Version of the files; what is read has this one.
pub(crate) const FORMAT_VERSION: &str = "1";

/// Keys of what a file says of itself.
pub(crate) mod key {
    /// [`FORMAT_VERSION`](super::FORMAT_VERSION).
    pub(crate) const FORMAT: &str = "weir.format";
    /// The table, `flows` say.
    pub(crate) const TABLE: &str = "weir.table";
    /// Rows and times of each row group: a JSON list of `[rows, received_min, received_max, placed_min, placed_max]`, nanoseconds since 1970, inclusive.
    pub(crate) const ROW_GROUPS: &str = "weir.row_groups";
    /// Checksum (CRC32C) of the octets of each column chunk: a JSON list of a list for each row group.
    pub(crate) const CHECKSUMS: &str = "weir.checksums";
    /// Checksums (CRC32C) of bloom filters, in the form of [`CHECKSUMS`]; 0 where a column chunk has none. A filter without one is not believed.
    pub(crate) const BLOOM_FILTERS: &str = "weir.bloom_filters";
    /// Checksum of what the footer says, which is [`footer_checksum`](super::footer_checksum).
    pub(crate) const FOOTER: &str = "weir.footer";
}

/// How the values of a leaf are laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 or 1.
    Bool,
    /// Up to 32 bits.
    Narrow,
    /// 64 bits, unsigned.
    Wide,
    /// 64 bits, signed: nanoseconds divided by what every value of the file can be divided by.
    Time(Divisor),
    /// Octets of a text; words are texts too.
    Text,
    /// Lists of 32-bit numbers.
    List,
}

/// The unit of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Divisor {
    /// Nanoseconds.
    One,
    /// Microseconds.
    Thousand,
    /// Milliseconds.
    Million,
}

impl Divisor {
    /// Nanoseconds of one unit.
    pub(crate) const fn nanoseconds(self) -> i64 {
        match self {
            Self::One => 1,
            Self::Thousand => 1_000,
            Self::Million => 1_000_000,
        }
    }

    const fn unit(self) -> TimeUnit {
        match self {
            Self::One => TimeUnit::NANOS,
            Self::Thousand => TimeUnit::MICROS,
            Self::Million => TimeUnit::MILLIS,
        }
    }
}

/// Which part of a column's value a leaf holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// The upper half of an address.
    High,
    /// The lower half of an address.
    Low,
}

/// One column of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Place of the record's column in its table.
    pub(crate) column: usize,
    /// Which part of it.
    pub(crate) part: Part,
    /// How its values lie.
    pub(crate) kind: Kind,
}

/// The leaves of a column, times with the given unit.
pub(crate) fn leaves(columns: &[ColumnInfo], column: usize, divisor: Divisor) -> impl Iterator<Item = Leaf> {
    let parts: &[(Part, Kind)] = match columns.get(column).map(|info| info.column_type) {
        None => &[],
        Some(ColumnType::Ip) => &[(Part::High, Kind::Wide), (Part::Low, Kind::Wide)],
        Some(ColumnType::Bool) => &[(Part::Whole, Kind::Bool)],
        Some(ColumnType::U8 | ColumnType::U16 | ColumnType::U32) => &[(Part::Whole, Kind::Narrow)],
        Some(ColumnType::U64 | ColumnType::Mac) => &[(Part::Whole, Kind::Wide)],
        Some(ColumnType::Text | ColumnType::Json | ColumnType::Enum(_)) => &[(Part::Whole, Kind::Text)],
        Some(ColumnType::List) => &[(Part::Whole, Kind::List)],
        Some(ColumnType::Time) => match divisor {
            Divisor::One => &[(Part::Whole, Kind::Time(Divisor::One))],
            Divisor::Thousand => &[(Part::Whole, Kind::Time(Divisor::Thousand))],
            Divisor::Million => &[(Part::Whole, Kind::Time(Divisor::Million))],
        },
    };
    parts.iter().map(move |(part, kind)| Leaf { column, part: *part, kind: *kind })
}

impl Leaf {
    /// Its name in a file.
    pub(crate) fn name(&self, columns: &[ColumnInfo]) -> String {
        let name = columns.get(self.column).map_or("", |info| info.name);
        match self.part {
            Part::Whole => name.to_owned(),
            Part::High => format!("{name}_high"),
            Part::Low => format!("{name}_low"),
        }
    }

    /// Its type in a file. Every column may be absent in a row, so that files of one table have one schema but for the columns that they lack.
    fn parquet_type(&self, columns: &[ColumnInfo]) -> Result<TypePtr> {
        let name = self.name(columns);
        if self.kind == Kind::List {
            let element = unsigned("element", Physical::INT32, 32, Repetition::REQUIRED)?;
            let list =
                Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]).build()?;
            let whole = Type::group_type_builder(&name)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![Arc::new(list)])
                .build()?;
            return Ok(Arc::new(whole));
        }
        let plain = |physical, logical| {
            let builder = Type::primitive_type_builder(&name, physical).with_repetition(Repetition::OPTIONAL);
            builder.with_logical_type(logical).build().map(Arc::new)
        };
        match self.kind {
            Kind::Bool => plain(Physical::BOOLEAN, None),
            Kind::Narrow => {
                let bits = match columns.get(self.column).map(|info| info.column_type) {
                    Some(ColumnType::U8) => 8,
                    Some(ColumnType::U16) => 16,
                    _ => 32,
                };
                unsigned(&name, Physical::INT32, bits, Repetition::OPTIONAL)
            }
            Kind::Wide => unsigned(&name, Physical::INT64, 64, Repetition::OPTIONAL),
            Kind::Time(divisor) => plain(Physical::INT64, Some(LogicalType::timestamp(true, divisor.unit()))),
            Kind::Text | Kind::List => plain(Physical::BYTE_ARRAY, Some(LogicalType::String)),
        }
    }
}

fn unsigned(name: &str, physical: Physical, bits: i8, repetition: Repetition) -> Result<TypePtr> {
    let logical = LogicalType::integer(bits, false);
    Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(Some(logical))
        .build()
        .map(Arc::new)
}

/// The schema of a file with these leaves.
pub(crate) fn schema(columns: &[ColumnInfo], leaves: &[Leaf]) -> Result<TypePtr> {
    let fields = leaves.iter().map(|leaf| leaf.parquet_type(columns)).collect::<Result<Vec<_>>>()?;
    Type::group_type_builder("weir").with_fields(fields).build().map(Arc::new)
}

/// A table that columnar files hold.
pub trait FileTable: Table + Send + Sync {
    /// The time that the rows cover.
    fn times(&self) -> Times;
}

impl FileTable for FlowBatch {
    fn times(&self) -> Times {
        BlockTable::times(self)
    }
}

impl FileTable for CounterBatch {
    fn times(&self) -> Times {
        BlockTable::times(self)
    }
}

impl FileTable for HealthBatch {
    fn times(&self) -> Times {
        BlockTable::times(self)
    }
}

impl FileTable for SeriesBatch {
    /// From the begin of the first slot to the end of the last.
    fn times(&self) -> Times {
        let mut times = Times::NONE;
        for row in 0..self.rows() {
            let slot = self.slot.get(row).unwrap_or(0);
            let length = i64::from(self.step.get(row).unwrap_or(1).max(1)) * 1_000_000_000;
            times.extend(&Times::at(slot, slot.saturating_add(length - 1)));
        }
        times
    }
}

/// Rows and times of each row group, as a file has them.
pub(crate) fn describe_groups(groups: &[(usize, Times)]) -> String {
    let rows = groups.iter().map(|(rows, times)| {
        format!("[{rows},{},{},{},{}]", times.received_min, times.received_max, times.placed_min, times.placed_max)
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

/// What [`describe_groups`] wrote.
pub(crate) fn read_groups(text: &str) -> Option<Vec<(u64, Times)>> {
    let groups: Vec<(u64, i64, i64, i64, i64)> = serde_json::from_str(text).ok()?;
    let group = |(rows, received_min, received_max, placed_min, placed_max)| {
        (rows, Times { received_min, received_max, placed_min, placed_max })
    };
    Some(groups.into_iter().map(group).collect())
}

/// Checksums of the column chunks of each row group.
pub(crate) fn describe_checksums(groups: &[Vec<u32>]) -> String {
    let lists = groups.iter().map(|group| {
        let sums: Vec<String> = group.iter().map(u32::to_string).collect();
        format!("[{}]", sums.join(","))
    });
    format!("[{}]", lists.collect::<Vec<_>>().join(","))
}

/// What [`describe_checksums`] wrote.
pub(crate) fn read_checksums(text: &str) -> Option<Vec<Vec<u32>>> {
    serde_json::from_str(text).ok()
}

/// Checksum of everything in a footer that decides which rows are found: names of columns, statistics, and the `texts` that the file says of itself.
pub(crate) fn footer_checksum(schema: &SchemaDescriptor, groups: &[RowGroupMetaData], texts: &[&str]) -> u32 {
    let mut checksum = 0;
    let mut add =
        |octets: &[u8]| checksum = crc32c::crc32c_append(crc32c::crc32c_append(checksum, &octets.len().to_le_bytes()), octets);
    texts.iter().for_each(|text| add(text.as_bytes()));
    schema.columns().iter().for_each(|column| add(column.path().string().as_bytes()));
    for chunk in groups.iter().flat_map(|group| group.columns()) {
        add(&chunk.num_values().to_le_bytes());
        if let Some(statistics) = chunk.statistics() {
            add(statistics.min_bytes_opt().unwrap_or_default());
            add(statistics.max_bytes_opt().unwrap_or_default());
            add(&statistics.null_count_opt().unwrap_or_default().to_le_bytes());
        }
    }
    checksum
}
