fn main() {
    seaworthy_check_build::generate("check.toml");
}
