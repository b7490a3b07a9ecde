use weir_record::Column;

use super::super::tests::Talk;

/// A MySQL packet.
fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = (payload.len() as u32).to_le_bytes();
    [&[a, b, c, sequence][..], payload].concat()
}

fn greeting() -> Vec<u8> {
    let salt = [&[7u8, 0, 0, 0][..], b"saltsalt\0", &[0xff; 4], &[0; 20], b"moresaltsalt\0"].concat();
    packet(0, &[b"\x0a8.0.36\0", &salt[..]].concat())
}

fn login(capabilities: u32, rest: &[u8]) -> Vec<u8> {
    packet(1, &[&capabilities.to_le_bytes()[..], &[0, 0, 0, 1, 33], &[0; 23], rest].concat())
}

const MYSQL_41: u32 = 1 << 9 | 1 << 15;

#[test]
fn mysql_login_statement_and_error_are_found() {
    let talk = || {
        let client = login(MYSQL_41 | 1 << 3, b"ada\0\x03abcstore\0");
        let query = packet(0, b"\x03SELECT nothing FROM nowhere");
        let error = packet(1, b"\xff\x7a\x04#42S02Table 'store.nowhere' doesn't exist");
        (client, query, [packet(2, b"\0\0\0\x02\0\0\0"), error].concat())
    };
    let (client, query, answer) = talk();
    let found = Talk::stream(3306).keep_all().server(&greeting()).client(&client).client(&query).server(&answer);
    assert_eq!(found.app.name(), Some("mysql"));
    assert_eq!(found.text(Column::sql_engine), Some("mysql"));
    assert_eq!(found.text(Column::sql_user), Some("ada"));
    assert_eq!(found.text(Column::sql_database), Some("store"));
    assert_eq!(found.text(Column::sql_error), Some("1146"));
    assert_eq!(found.text(Column::sql_statement), Some("SELECT nothing FROM nowhere"));

    // On any port, an octet at a time, and no statement unless it is wanted.
    let found = Talk::stream(4000).server_slowly(&greeting()).client_slowly(&client).client_slowly(&query).server_slowly(&answer);
    assert_eq!((found.app.name(), found.text(Column::sql_user)), (Some("mysql"), Some("ada")));
    assert_eq!((found.text(Column::sql_error), found.text(Column::sql_statement)), (Some("1146"), None));
    assert_eq!(found.app.held(), 0);
}

#[test]
fn mysql_statements_stand_behind_attributes_and_may_be_longer_than_what_is_read() {
    let client = login(MYSQL_41 | 1 << 27, b"ada\0\0");
    // Two attributes: a text and an absent one.
    let attributes = b"\x03\x02\x01\x02\x01\xfd\0\x04name\x06\0\0\x05valueSELECT 1";
    let talk = Talk::stream(3306).keep_all().server(&greeting()).client(&client);
    assert_eq!(talk.client(&packet(0, attributes)).text(Column::sql_statement), Some("SELECT 1"));

    let long = [b"\x16INSERT INTO t VALUES (".to_vec(), vec![b'1'; 100_000]].concat();
    let talk = Talk::stream(3306).keep_all().server(&greeting()).client(&login(MYSQL_41, b"ada\0\0")).client(&packet(0, &long));
    let talk = talk.client(&packet(0, b"\x02later"));
    assert_eq!(talk.text(Column::sql_statement).map(str::len), Some(512));
    assert_eq!(talk.text(Column::sql_database), Some("later"));
}

#[test]
fn mysql_joined_in_its_middle_is_known_by_a_statement() {
    let talk = Talk::stream(3306).keep_all().client(&packet(0, b"\x03select 1"));
    assert_eq!((talk.app.name(), talk.text(Column::sql_statement)), (Some("mysql"), Some("select 1")));
    assert_eq!(Talk::stream(3306).client(&packet(0, b"\x03what is it")).app.name(), None);
}

#[test]
fn mysql_that_changes_to_tls_stays_mysql() {
    let wish = packet(1, &[&(MYSQL_41 | 1 << 11).to_le_bytes()[..], &[0, 0, 0, 1, 33], &[0; 23]].concat());
    let talk = Talk::stream(3306).server(&greeting()).client(&wish).client(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    assert_eq!(talk.app.name(), Some("mysql"));
}

/// A PostgreSQL message with a letter.
fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    [&[letter][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn startup(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], &[0, 3, 0, 0], body].concat()
}

#[test]
fn postgresql_login_statement_and_error_are_found() {
    let start = startup(b"user\0ada\0database\0store\0application_name\0psql\0\0");
    let prepare = message(b'P', b"s1\0SELECT $1\0\0\0");
    let answer = [message(b'R', &[0; 4]), message(b'S', b"a\0b\0"), message(b'Z', b"I")].concat();
    let error = message(b'E', b"SERROR\0VERROR\0C42P01\0Mrelation does not exist\0\0");
    let talk = Talk::stream(5432).keep_all().client(&start).server(&answer).client(&prepare).server(&error);
    assert_eq!(talk.app.name(), Some("postgresql"));
    assert_eq!((talk.text(Column::sql_user), talk.text(Column::sql_database)), (Some("ada"), Some("store")));
    assert_eq!((talk.text(Column::sql_error), talk.text(Column::sql_statement)), (Some("42P01"), Some("SELECT $1")));

    let talk = Talk::stream(5433).client_slowly(&start).server_slowly(&answer).client_slowly(&prepare).server_slowly(&error);
    assert_eq!((talk.app.name(), talk.text(Column::sql_user)), (Some("postgresql"), Some("ada")));
    assert_eq!((talk.text(Column::sql_error), talk.text(Column::sql_statement)), (Some("42P01"), None));
}

#[test]
fn postgresql_asks_for_encryption_first() {
    let ask = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
    let talk = Talk::stream(5432).client(&ask).server(b"N").client(&startup(b"user\0ada\0\0"));
    assert_eq!((talk.app.name(), talk.text(Column::sql_user)), (Some("postgresql"), Some("ada")));
    let talk = Talk::stream(5432).client(&ask).server(b"S").client(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    assert_eq!((talk.app.name(), talk.text(Column::sql_user)), (Some("postgresql"), None));
}

#[test]
fn postgresql_results_longer_than_what_is_kept_are_passed_over() {
    let rows = message(b'D', &vec![7; 200_000]);
    let talk = Talk::stream(5432).client(&startup(b"user\0ada\0\0"));
    let talk = rows.chunks(1400).fold(talk, Talk::server).server(&message(b'E', b"SFATAL\0C57P01\0\0"));
    assert_eq!(talk.text(Column::sql_error), Some("57P01"));
}

/// A TDS packet.
fn tds(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16 + 8).to_be_bytes();
    [&[kind, 1, high, low, 0, 0, 1, 0][..], body].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn tds_login(user: &str, database: &str) -> Vec<u8> {
    let (user, database) = (utf16(user), utf16(database));
    let places = 36 + 13 * 4 + 6;
    let mut numbers = vec![0; 36];
    numbers[4..8].copy_from_slice(&0x7400_0004u32.to_le_bytes());
    let text = |place: usize, octets: &[u8]| [(place as u16).to_le_bytes(), (octets.len() as u16 / 2).to_le_bytes()].concat();
    let absent = text(places, b"");
    let texts = [absent.clone(), text(places, &user), absent.repeat(6), text(places + user.len(), &database)].concat();
    let mut body = [numbers, texts].concat();
    body.resize(places, 0);
    body.extend([user, database].concat());
    let length = (body.len() as u32).to_le_bytes();
    body[..4].copy_from_slice(&length);
    tds(16, &body)
}

const PRELOGIN_OFF: &[u8] = &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 9, 0, 0, 0, 0, 0, 2];

#[test]
fn tds_login_statement_and_error_are_found() {
    let change = [&[0xe3u8, 4, 0][..], &[1, 2, 3, 4]].concat();
    let error = [&[0xaau8, 6, 0][..], &208u32.to_le_bytes(), &[1, 16]].concat();
    let headers = [22u32.to_le_bytes(), 18u32.to_le_bytes()].concat();
    let headers = [&headers[..], &[2, 0], &[0; 12]].concat();
    let batch = tds(1, &[headers, utf16("SELECT å FROM nowhere")].concat());
    let play = |talk: Talk| {
        let talk = talk.client(&tds(18, PRELOGIN_OFF)).server(&tds(4, PRELOGIN_OFF)).client(&tds_login("ada", "störe"));
        talk.server_slowly(&tds(4, &change)).client_slowly(&batch).server(&tds(4, &[change.clone(), error.clone()].concat()))
    };
    let talk = play(Talk::stream(1433).keep_all());
    assert_eq!(talk.app.name(), Some("mssql"));
    assert_eq!((talk.text(Column::sql_user), talk.text(Column::sql_database)), (Some("ada"), Some("störe")));
    assert_eq!((talk.text(Column::sql_error), talk.text(Column::sql_statement)), (Some("208"), Some("SELECT å FROM nowhere")));
    let talk = play(Talk::stream(50_000));
    assert_eq!((talk.app.name(), talk.text(Column::sql_user)), (Some("mssql"), Some("ada")));
    assert_eq!((talk.text(Column::sql_error), talk.text(Column::sql_statement)), (Some("208"), None));
}

#[test]
fn tds_calls_say_their_statement_or_their_name() {
    let text = |text: &str| {
        let octets = utf16(text);
        [&[0u8, 0, 0xe7, 0, 32, 0, 0, 0, 0, 0][..], &(octets.len() as u16).to_le_bytes(), &octets].concat()
    };
    let handle = [0, 1, 0x26, 4, 0];
    let call = |number: u8, parameters: &[u8]| tds(3, &[&[0xff, 0xff, number, 0, 0, 0], parameters].concat());
    let found = |octets: &[u8]| Talk::stream(1433).keep_all().client(octets).text(Column::sql_statement).map(str::to_owned);
    assert_eq!(found(&call(10, &text("SELECT 1"))).as_deref(), Some("SELECT 1"));
    assert_eq!(found(&call(13, &[&handle[..], &text("@a int"), &text("SELECT @a")].concat())).as_deref(), Some("SELECT @a"));
    assert_eq!(found(&call(12, &handle)).as_deref(), Some("sp_execute"));
    let named = tds(3, &[&[6, 0][..], &utf16("dbo.go"), &[0, 0]].concat());
    assert_eq!(found(&named).as_deref(), Some("dbo.go"));
}

#[test]
fn tds_that_shakes_hands_for_tls_stays_tds() {
    let hello = tds(18, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    let talk = Talk::stream(1433).client(&tds(18, PRELOGIN_OFF)).server(&tds(4, PRELOGIN_OFF)).client(&hello).server(&hello);
    let talk = talk.client(b"\x17\x03\x03\x00\x02ab").client(&tds(1, &utf16("SELECT 1")));
    assert_eq!(talk.app.name(), Some("mssql"));
}
