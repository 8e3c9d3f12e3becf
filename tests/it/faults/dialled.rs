//! A session that is dialling a server when that loses its role.

use crate::harness::PATIENCE;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::native::run;
use crate::harness::port::free_addr;

/// Its server may still be picked by other routes: it waits for the new primary all the same.
#[test]
fn a_writer_leaves_a_server_that_loses_its_role_while_it_is_dialled() {
    let mut a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    let mut b = MariaDb::replica_of(&a);
    b.set_read_only(true);
    // Its check reaches it, and clients do not: who listens here takes one connection and no more.
    let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    silent.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    silent.listen(0).unwrap();
    let hole = silent.local_addr().unwrap().as_socket().unwrap();
    let _taken = std::net::TcpStream::connect(hole).unwrap();
    let (dir, write) = (TempDir::new(), free_addr());
    let password = dir.write("my.pass", "s3cret");
    let text = format!(
        "[backend.db]\n\
         check = {{ type = \"mysql\", user = \"evenkeel\", password_file = \"{}\", rise = 1 }}\n\
         server.a = {{ address = \"{hole}\", check = {{ port = {} }} }}\n\
         server.b = \"{}\"\n\
         timeout = {{ connect = \"60s\" }}\n\
         [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n",
        password.display(),
        a.addr.port(),
        b.addr,
    );
    let evenkeel = run(&dir, &text, write);
    eventually("it has a primary", || {
        evenkeel.output().contains("Server db/a is primary").then_some(())
    });
    let waiting = std::thread::spawn(move || {
        Client::connect(write, "app", PATIENCE)
            .and_then(|mut client| client.query("SELECT @@server_id"))
    });
    // The connection is asked for, and not made.
    let asked = format!(":{:04X} 02 ", hole.port());
    eventually("it is dialled", || {
        std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&asked).then_some(())
    });
    a.set_read_only(true);
    b.promote();
    let row = waiting.join().unwrap().unwrap_or_else(|e| panic!("{e}\n{}", evenkeel.output()));
    assert_eq!(row, [["2"]]);
}
