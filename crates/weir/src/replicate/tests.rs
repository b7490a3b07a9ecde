//! Who copies is left in peace, and who copies to nobody is not waited for.

use super::*;

/// Longer than any test may take: it does not end where this is waited for.
const FOR_EVER: Duration = Duration::from_secs(86_400);

#[test]
fn who_copies_to_nobody_is_not_waited_for() {
    let (none, table) = (Copies(Arc::default()), Arc::new(Table::default()));
    assert!(Arc::strong_count(&table.others) > 1, "the empty slice is shared with others");
    table.wait_until_left(FOR_EVER);
    none.flush();
}

#[test]
fn who_copies_is_waited_for() {
    let shards = Shards::new(ShardOptions { workers: 1, batch_octets: BATCH_OCTETS, batches: 1 }).0;
    let table = Arc::new(Table { others: Arc::new([shards]), ..Table::default() });
    let copies = Copies(Arc::clone(&table.others));
    let begun = Instant::now();
    let patience = Duration::from_millis(50);
    table.wait_until_left(patience);
    assert!(begun.elapsed() >= patience, "it left while somebody copied");
    drop(copies);
}
