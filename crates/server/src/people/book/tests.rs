//! Changes of the book, and what the file has of them.

use super::*;

fn book() -> Book {
    let book = Book::empty().add("ann", "$kept".into(), Role::Admin, None, 7).unwrap();
    book.add("bob", "$kept".into(), Role::Viewer, Some(&LimitsText { filter: "port 53".into(), hidden: Vec::new() }), 8).unwrap()
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let (book, made) = book().add_token("bob", "backup", None, Some(1_000_000_000), 9).unwrap();
    let octets = book.octets().unwrap();
    let text = String::from_utf8(octets.clone()).unwrap();
    assert!(!text.contains(&made.secret), "only the digest is kept: {text}");
    let again = Book::read(Some(&octets)).unwrap();
    assert_eq!(again.octets().unwrap(), octets);
    assert_eq!(
        again.token_of(&Digest::of(&made.secret)).map(|(id, token)| (id, token.user.as_str())),
        Some((made.id.as_str(), "bob"))
    );
    assert!(again.limits("bob").unwrap().is_some() && again.limits("ann").unwrap().is_none());
    assert!(!format!("{again:?}").contains("$kept"), "what is kept of passwords is in no log");
}

#[test]
fn what_is_no_book_is_refused_and_nobody_is_let_in() {
    for text in [
        "",
        "{}",
        "[]",
        "{\"version\":2,\"revision\":0,\"users\":{},\"tokens\":{}}",
        "{\"version\":1,\"revision\":0,\"users\":{},\"tokens\":{},\"more\":1}",
    ] {
        assert!(matches!(Book::read(Some(text.as_bytes())), Err(BookError::Failed(_))), "{text}");
    }
    let octets = String::from_utf8(book().octets().unwrap()).unwrap().replace("port 53", "port of call");
    let book = Book::read(Some(octets.as_bytes())).unwrap();
    assert!(book.limits("bob").is_err(), "limits that cannot be read are not none");
}

#[test]
fn limits_that_limit_nothing_are_none() {
    let book = book().change("bob", Role::Viewer, Some(&LimitsText::default()), None).unwrap();
    assert_eq!(book.user("bob").unwrap().limits, None);
}

#[test]
fn so_many_users_and_no_more() {
    let mut book = Book::empty();
    for number in 0..MAX_USERS {
        book = book.add(&format!("user{number}"), String::new(), Role::Viewer, None, 0).unwrap();
    }
    assert!(matches!(book.add("more", String::new(), Role::Viewer, None, 0), Err(BookError::Conflict(_))));
}

#[test]
fn tokens_that_are_over_make_room() {
    let mut book = book();
    for _ in 0..MAX_TOKENS {
        book = book.add_token("ann", "short", None, Some(10), 1).unwrap().0;
    }
    assert!(book.clone().add_token("ann", "more", None, None, 9).is_err());
    assert_eq!(book.add_token("ann", "more", None, None, 10).unwrap().0.tokens().count(), 1);
}
