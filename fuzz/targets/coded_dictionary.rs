#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daemun::fuzzing::coded_dictionary(input));
