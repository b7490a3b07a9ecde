//! Which row groups a question can pass over: by what their footers and bloom filters say, a filter's necessary conditions cannot hold in them.

use parquet::file::statistics::Statistics;
use weir_query::{Bound, BoundValues, Bounds};
use weir_record::{Address, Column, ColumnType};

use crate::error::StoreError;
use crate::read::{GroupReader, TableFile, Wanted};
use crate::times::Times;

/// False where no row that arrived in that time can satisfy every condition.
pub(crate) fn may_arrive(times: &Times, bounds: &Bounds) -> bool {
    let may = |bound: &Bound| match &bound.values {
        BoundValues::Times(ranges) if bound.column == Column::time_received => {
            ranges.iter().any(|(first, last)| *first <= times.received_max && *last >= times.received_min)
        }
        _ => true,
    };
    bounds.clauses.iter().all(|clause| clause.iter().any(may))
}

/// True where some row of the group may satisfy every condition.
pub(crate) fn may_hold(file: &TableFile, group: usize, bounds: &Bounds) -> bool {
    may_arrive(&file.group_times(group), bounds)
        && bounds.clauses.iter().all(|clause| clause.iter().any(|bound| may_satisfy(file, group, bound)))
}

fn may_satisfy(file: &TableFile, group: usize, bound: &Bound) -> bool {
    let info = bound.column.info();
    if info.column_type == ColumnType::Ip {
        return may_be_address(file, group, info.name, &bound.values);
    }
    let Some(chunk) = file.chunk(group, info.name) else {
        // A file without the column has no row with a value.
        return false;
    };
    let Some(statistics) = chunk.statistics() else {
        return true;
    };
    if statistics.null_count_opt() == Some(chunk.num_values() as u64) {
        return false;
    }
    match &bound.values {
        BoundValues::Numbers(ranges) => match limits(statistics) {
            Some((min, max)) => ranges.iter().any(|(low, high)| *low <= max && *high >= min),
            None => true,
        },
        BoundValues::Times(_) | BoundValues::Present | BoundValues::Texts(_) | BoundValues::Addresses(_) => true,
    }
}

fn may_be_address(file: &TableFile, group: usize, name: &str, values: &BoundValues) -> bool {
    let (high_name, low_name) = (format!("{name}_high"), format!("{name}_low"));
    let (Some(high), Some(low)) = (file.chunk(group, &high_name), file.chunk(group, &low_name)) else {
        return false;
    };
    let BoundValues::Addresses(ranges) = values else {
        return true;
    };
    let (Some(highs), Some(lows)) = (high.statistics().and_then(limits), low.statistics().and_then(limits)) else {
        return true;
    };
    let in_limits = |range: &&(Address, Address)| {
        let ((first_high, first_low), (last_high, last_low)) = (range.0.halves(), range.1.halves());
        let high_fits = first_high <= highs.1 && last_high >= highs.0;
        let low_fits = first_high != last_high || (first_low <= lows.1 && last_low >= lows.0);
        high_fits && low_fits
    };
    let left: Vec<&(Address, Address)> = ranges.iter().filter(in_limits).collect();
    if left.is_empty() || left.iter().any(|(first, last)| first != last) {
        return !left.is_empty();
    }
    match file.bloom(group, &low_name) {
        Some(filter) => left.iter().any(|(address, _)| filter.check(&address.halves().1)),
        None => true,
    }
}

/// Smallest and largest value of an unsigned column.
fn limits(statistics: &Statistics) -> Option<(u64, u64)> {
    match statistics {
        Statistics::Int32(statistics) => {
            Some((u64::from(*statistics.min_opt()? as u32), u64::from(*statistics.max_opt()? as u32)))
        }
        Statistics::Int64(statistics) => Some((*statistics.min_opt()? as u64, *statistics.max_opt()? as u64)),
        _ => None,
    }
}

/// Tests of addresses that tell which rows of a page are worth a look: of each clause one alternative has to hold.
pub(crate) struct PageTests {
    clauses: Vec<Vec<PageTest>>,
}

struct PageTest {
    column: usize,
    /// Ranges of the lower half, both ends included.
    low: Vec<(u64, u64)>,
    wanted: Option<Wanted>,
}

impl PageTests {
    /// Those among a filter's conditions that are about addresses alone, and about ranges with one upper half each.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let clauses = bounds.clauses.iter().filter(|clause| !clause.is_empty());
        Self { clauses: clauses.filter_map(|clause| clause.iter().map(PageTest::of).collect()).collect() }
    }

    /// The rows of a page that may satisfy every clause, ascending; nothing where each of them may.
    pub(crate) fn rows<'r>(
        &mut self,
        reader: &mut GroupReader<'_>,
        page: usize,
        rows: &'r mut Vec<usize>,
    ) -> Result<Option<&'r [usize]>, StoreError> {
        let mut is_known = false;
        let mut places = Vec::new();
        for clause in &mut self.clauses {
            places.clear();
            let mut is_told = true;
            for test in clause {
                is_told = is_told && reader.find(page, test.column, &test.low, &mut test.wanted, &mut places)?;
            }
            if !is_told {
                continue;
            }
            places.sort_unstable();
            places.dedup();
            if is_known {
                rows.retain(|row| places.binary_search(row).is_ok());
            } else {
                std::mem::swap(rows, &mut places);
                is_known = true;
            }
            if rows.is_empty() {
                break;
            }
        }
        Ok(if is_known { Some(rows) } else { None })
    }
}

impl PageTest {
    fn of(bound: &Bound) -> Option<Self> {
        let BoundValues::Addresses(ranges) = &bound.values else {
            return None;
        };
        let low = ranges.iter().map(|(first, last)| {
            let ((first_high, first_low), (last_high, last_low)) = (first.halves(), last.halves());
            (first_high == last_high).then_some((first_low, last_low))
        });
        Some(Self { column: bound.column as usize, low: low.collect::<Option<_>>()?, wanted: None })
    }
}
