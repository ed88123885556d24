// std::net: a server with a thread for each connection, and clients.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        let threads: Vec<_> = listener.incoming().take(3).map(|stream| thread::spawn(|| serve(stream.unwrap()))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    for round in 0..3 {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        writeln!(stream, "line {}", round)?;
        stream.write_all(&vec![b'x'; 100_000])?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        println!("{}", answer);
    }
    server.join().unwrap();
    std::process::exit(7);
}

fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    write!(&stream, "{} and {} bytes", line.trim(), rest.len()).unwrap();
}
