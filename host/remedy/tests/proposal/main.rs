//! Which change is proposed for what was found, and what its files look like.

mod files;
mod left;
mod made;
mod strategies;
