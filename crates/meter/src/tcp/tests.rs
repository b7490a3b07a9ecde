use super::*;

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 144, "{}", size_of::<Connection>());
}
