//! Links the binding the way each platform wants an addon linked.

fn main() {
    napi_build::setup();
}
