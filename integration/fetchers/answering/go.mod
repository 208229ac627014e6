module wasmimg.test/answering

go 1.22
