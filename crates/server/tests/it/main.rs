//! The server as its clients meet it: real connections, a service that is made of fixed answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod service;

mod access;
mod limits;
mod live;
mod objects;
mod pages;
mod people;
mod questions;
mod unread;
