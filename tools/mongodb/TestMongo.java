import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetSocketAddress;
import java.util.List;

/** Listens on a free port of the loopback, prints its address, and ends when standard input does. */
class TestMongo {
  /** The oldest version that the driver of today talks to; the few commands that we use are the same in it. */
  static class Version44 implements MongoVersion {
    public List<Integer> getVersionArray() {
      return List.of(4, 4, 0);
    }

    public int getWireVersion() {
      return 9;
    }

    public String toVersionString() {
      return "4.4.0";
    }
  }

  public static void main(String[] args) throws Exception {
    MemoryBackend backend = new MemoryBackend();
    backend.version(new Version44());
    MongoServer server = new MongoServer(backend);
    InetSocketAddress address = server.bind();
    System.out.println("mongodb://127.0.0.1:" + address.getPort() + "/countersign");
    while (System.in.read() != -1) {}
    server.shutdownNow();
  }
}
