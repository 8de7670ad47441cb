//! Daemun: the front of a production site.
