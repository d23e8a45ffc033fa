//! Packs the lab's engine for browsers, so that it adds a third of its size to the program.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let engine = "../../assets/lab.wasm";
    println!("cargo::rerun-if-changed={engine}");
    println!("cargo::rerun-if-changed=build.rs");
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&std::fs::read(engine)?, 9);
    std::fs::write(Path::new(&std::env::var("OUT_DIR").unwrap_or_default()).join("lab.wasm.z"), packed)
}
