fn main() {
    seaworthy_check_build::generate("adapter.toml");
}
