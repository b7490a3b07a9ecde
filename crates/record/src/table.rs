//! The form of a column table, and the macro that turns one list of columns into everything else.
//!
//! [`columns!`] takes a list (name, type, unit, scope, elements, label, doc) and makes the
//! enumeration of its columns, the batch with one typed field per column, and the list of
//! [`ColumnInfo`] that writers, filters and manual pages read.

use crate::column::{AnyColumn, AnyColumnMut};

/// An Information Element: enterprise number (0 = IANA) and element id, as in RFC 7011, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId {
    /// Private enterprise number; 0 for the IANA registry, [`ElementId::REVERSE_PEN`] for its reverse elements.
    pub pen: u32,
    /// Element id without the enterprise bit.
    pub id: u16,
}

impl ElementId {
    /// Enterprise number of reverse IANA elements (RFC 5103, section 6.1).
    pub const REVERSE_PEN: u32 = 29305;

    /// An element of the IANA registry.
    pub const fn iana(id: u16) -> Self {
        Self { pen: 0, id }
    }

    /// An element of an enterprise.
    pub const fn enterprise(pen: u32, id: u16) -> Self {
        Self { pen, id }
    }
}

impl std::fmt::Display for ElementId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pen {
            0 => write!(f, "{}", self.id),
            pen => write!(f, "{pen}/{}", self.id),
        }
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// True or false; kept as 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Nanoseconds since 1970-01-01T00:00:00Z, signed 64 bits.
    Time,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A MAC address, in the low 48 bits.
    Mac,
    /// UTF-8 text.
    Text,
    /// One of a closed set of words; kept as the index into the list.
    Enum(&'static [&'static str]),
    /// A list of unsigned 32-bit numbers.
    List,
    /// A JSON object as text.
    Json,
}

impl ColumnType {
    /// The name used in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::Time => "timestamp",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Text => "text",
            Self::Enum(_) => "enum text",
            Self::List => "list of u32",
            Self::Json => "object",
        }
    }
}

/// The unit of a column's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A code, an identifier, a text: no unit.
    None,
    /// Octets.
    Bytes,
    /// Packets.
    Packets,
    /// A count of things other than bytes and packets.
    Count,
    /// Microseconds.
    Microseconds,
    /// Bits per second.
    BitsPerSecond,
    /// A set of TCP flags; people read letters.
    TcpFlags,
    /// An IP protocol number; people read names.
    IpProtocol,
}

impl Unit {
    /// The name used in the manual; empty where there is none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None | Self::TcpFlags | Self::IpProtocol => "",
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Count => "count",
            Self::Microseconds => "µs",
            Self::BitsPerSecond => "bit/s",
        }
    }
}

/// To what of a connection a value belongs, which decides where it stands when a biflow becomes two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// About the record itself: the same on both halves.
    Record,
    /// Part of the flow's identity: the same on both halves, source and destination swapped.
    Key,
    /// A value of one direction: each half has its own, or none.
    Direction,
    /// A value of the whole connection: stands on both halves.
    Connection,
}

impl Scope {
    /// The name used in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Key => "key",
            Self::Direction => "direction",
            Self::Connection => "connection",
        }
    }
}

/// How a filter reads a literal that is compared with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterType {
    /// A number; `k`, `M`, `Ki` and the like multiply.
    Number,
    /// A duration: `10s`, `50ms`; a bare number is milliseconds. The column holds microseconds.
    Duration,
    /// A point in time.
    Time,
    /// An address or a prefix.
    Address,
    /// A MAC address.
    Mac,
    /// A text, compared by case.
    Text,
    /// One of the words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A number that a list contains.
    List,
    /// An object; its members are reached as `column.NAME`.
    Object,
}

/// All that is known of a column. Everything that lists columns is printed from these.
#[derive(Clone, Copy, Debug)]
pub struct ColumnInfo {
    /// Name in SQL, JSON and filters.
    pub name: &'static str,
    /// Type of its values.
    pub column_type: ColumnType,
    /// Unit of its numbers.
    pub unit: Unit,
    /// Where the value stands in a biflow.
    pub scope: Scope,
    /// The elements that fill it, the first that a template has wins.
    pub elements: &'static [ElementId],
    /// Words for a table's head or a chart's axis.
    pub label: &'static str,
    /// One or two sentences for the manual.
    pub doc: &'static str,
}

impl ColumnInfo {
    /// How a filter reads literals for this column.
    pub const fn filter_type(&self) -> FilterType {
        match (self.column_type, self.unit) {
            (ColumnType::Bool, _) => FilterType::Bool,
            (ColumnType::Time, _) => FilterType::Time,
            (ColumnType::Ip, _) => FilterType::Address,
            (ColumnType::Mac, _) => FilterType::Mac,
            (ColumnType::Text, _) => FilterType::Text,
            (ColumnType::Enum(words), _) => FilterType::Word(words),
            (ColumnType::List, _) => FilterType::List,
            (ColumnType::Json, _) => FilterType::Object,
            (_, Unit::Microseconds) => FilterType::Duration,
            _ => FilterType::Number,
        }
    }
}

/// A batch of rows whose columns can be listed: what writers and the store work on.
pub trait Table: Default {
    /// Every column, in the order of the manual.
    const COLUMNS: &'static [ColumnInfo];

    /// Number of rows.
    fn rows(&self) -> usize;

    /// The column at a place of [`Table::COLUMNS`]. Places past the end give the first column.
    fn any(&self, index: usize) -> AnyColumn<'_>;

    /// The same, for writing.
    fn any_mut(&mut self, index: usize) -> AnyColumnMut<'_>;

    /// Ends `count` rows, as `FlowBatch::advance` does.
    fn advance(&mut self, count: usize);

    /// Forgets every row and keeps the memory.
    fn clear(&mut self);

    /// Makes every column that has a value as long as the batch.
    fn finish(&mut self);
}

/// The storage of a column type.
macro_rules! storage {
    (Bool) => { $crate::column::Fixed<u8> };
    (U8) => { $crate::column::Fixed<u8> };
    (U16) => { $crate::column::Fixed<u16> };
    (U32) => { $crate::column::Fixed<u32> };
    (U64) => { $crate::column::Fixed<u64> };
    (Time) => { $crate::column::Fixed<i64> };
    (Ip) => { $crate::column::IpColumn };
    (Mac) => { $crate::column::Fixed<u64> };
    (Text) => { $crate::column::TextColumn };
    (Enum) => { $crate::column::Fixed<u8> };
    (List) => { $crate::column::ListColumn };
    (Json) => { $crate::column::TextColumn };
}

/// Makes the enumeration, the batch and the list of columns from one list. See the module's head.
macro_rules! columns {
    (
        $(#[$enum_doc:meta])* enum $Column:ident;
        $(#[$batch_doc:meta])* struct $Batch:ident;
        $( $name:ident : $ty:ident $( ( $words:path ) )? , $unit:ident , $scope:ident , [ $( $element:expr ),* ] , $label:literal , $doc:literal ; )*
    ) => {
        $(#[$enum_doc])*
        #[allow(non_camel_case_types, reason = "one spelling of a column's name everywhere")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $Column { $( #[doc = $doc] $name ),* }

        impl $Column {
            /// Every column, in the order of the manual.
            pub const ALL: &'static [$Column] = &[ $( $Column::$name ),* ];

            /// What is known of this column.
            pub const fn info(self) -> &'static $crate::table::ColumnInfo {
                &<$Batch as $crate::table::Table>::COLUMNS[self as usize]
            }

            /// Its name in SQL, JSON and filters.
            pub const fn name(self) -> &'static str {
                self.info().name
            }

            /// The column of that name.
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|column| column.name() == name)
            }
        }

        $(#[$batch_doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $Batch {
            rows: usize,
            $( #[doc = $doc] pub $name : storage!($ty), )*
        }

        impl $Batch {
            /// An empty batch. No column has memory until something is written to it.
            pub fn new() -> Self {
                Self::default()
            }

            /// Number of rows.
            pub const fn rows(&self) -> usize {
                self.rows
            }

            /// True where there is no row.
            pub const fn is_empty(&self) -> bool {
                self.rows == 0
            }

            /// Ends `count` rows: what was written at places from `rows()` on becomes part of the batch, and
            /// columns that got nothing are absent there.
            pub const fn advance(&mut self, count: usize) {
                self.rows += count;
            }

            /// Forgets every row and keeps the memory.
            pub fn clear(&mut self) {
                self.rows = 0;
                $( self.$name.clear(); )*
            }

            /// Makes every column that has a value as long as the batch. Call it once when the batch is complete;
            /// readers take shorter columns as absent at their end, Arrow does not.
            pub fn finish(&mut self) {
                let rows = self.rows;
                $( self.$name.finish(rows); )*
            }

            /// Forgets what was written past the rows that were ended, as after a record that turned out bad.
            pub fn discard_unfinished(&mut self) {
                let rows = self.rows;
                $( self.$name.truncate(rows); )*
            }

            /// Appends the rows of another batch for which `keep` is true.
            pub fn append_where(&mut self, other: &Self, keep: impl Fn(usize) -> bool) {
                let base = self.rows;
                let chosen = (0..other.rows).filter(|row| keep(*row)).count();
                $( if !other.$name.is_empty() {
                    self.$name.append(base, (0..other.rows).filter(|row| keep(*row)).map(|row| (&other.$name, row)));
                } )*
                self.rows = base + chosen;
            }

            /// Appends the rows of two batches of one length in turn: first of one, first of the other, second of one and so on.
            pub fn append_alternating(&mut self, one: &Self, other: &Self) {
                let (base, rows) = (self.rows, one.rows.min(other.rows));
                $( if !(one.$name.is_empty() && other.$name.is_empty()) {
                    self.$name.append(base, (0..rows).flat_map(|row| [(&one.$name, row), (&other.$name, row)]));
                } )*
                self.rows = base + 2 * rows;
            }

            /// The column, for reading.
            pub fn column(&self, column: $Column) -> $crate::column::AnyColumn<'_> {
                match column { $( $Column::$name => (&self.$name).into(), )* }
            }

            /// The column, for writing.
            pub fn column_mut(&mut self, column: $Column) -> $crate::column::AnyColumnMut<'_> {
                match column { $( $Column::$name => (&mut self.$name).into(), )* }
            }

            /// The columns that have a value in some row.
            pub fn filled(&self) -> impl Iterator<Item = $Column> + '_ {
                $Column::ALL.iter().copied().filter(|column| !self.column(*column).is_empty())
            }

            /// Octets of memory that the values take, spare room included.
            pub fn memory(&self) -> usize {
                0 $( + self.$name.memory() )*
            }
        }

        impl $crate::table::Table for $Batch {
            const COLUMNS: &'static [$crate::table::ColumnInfo] = &[ $( $crate::table::ColumnInfo {
                name: stringify!($name),
                column_type: $crate::table::ColumnType::$ty $( ( $words ) )?,
                unit: $crate::table::Unit::$unit,
                scope: $crate::table::Scope::$scope,
                elements: &[ $( $element ),* ],
                label: $label,
                doc: $doc,
            } ),* ];

            fn rows(&self) -> usize {
                self.rows
            }

            fn any(&self, index: usize) -> $crate::column::AnyColumn<'_> {
                self.column($Column::ALL.get(index).copied().unwrap_or($Column::ALL[0]))
            }

            fn any_mut(&mut self, index: usize) -> $crate::column::AnyColumnMut<'_> {
                self.column_mut($Column::ALL.get(index).copied().unwrap_or($Column::ALL[0]))
            }

            fn advance(&mut self, count: usize) {
                $Batch::advance(self, count);
            }

            fn clear(&mut self) {
                $Batch::clear(self);
            }

            fn finish(&mut self) {
                $Batch::finish(self);
            }
        }
    };
}
