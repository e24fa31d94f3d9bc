// A tcpnet client, written from docs/protocol.md alone:
//     java Client.java HOST PORT NAME [FINGERPRINT]
// With the fingerprint that the server prints it is encrypted, and to that server alone.
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.*;
import java.math.BigInteger;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import java.util.regex.*;
import javax.net.ssl.*;

class Client {
    static final int MAX_FRAME = 65_536; // bytes, with the newline
    // Control, format and unpaired characters are made visible; joiners stay between letters.
    static final String HOSTILE = "(?![\\n\\u200c\\u200d])[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]"
        + "|(?<![\\p{L}\\p{M}])[\\u200c\\u200d]|[\\u200c\\u200d](?!\\p{L})";
    static String[] arguments;
    static Socket socket;
    static InputStream in;
    static OutputStream out;
    static Map<?, ?> question; // the open one

    public static void main(String[] args) {
        if (args.length < 3 || !args[1].matches("\\d{1,5}")) {
            System.err.println("usage: java Client.java HOST PORT NAME [FINGERPRINT]");
            System.exit(2);
        }
        arguments = args;
        try {
            open(new Socket(args[0], Integer.parseInt(args[1])));
            if (args.length > 3) encrypt();
            send("hello", Map.of("protocol", 1, "agent", "Client.java/1", "id-key", args[2]));
            new Thread(Client::answer).start();
            while (true) {
                for (Object item : (List<?>) frame().get("headers")) take((Map<?, ?>) item);
            }
        } catch (Exception | StackOverflowError error) { // not there, gone, or no frame
            end("The connection ended: " + error.getMessage(), 1);
        }
    }

    static void open(Socket opened) throws IOException {
        socket = opened;
        socket.setSoTimeout(20_000); // milliseconds until a ping; after three the server is gone
        in = new BufferedInputStream(socket.getInputStream());
        out = socket.getOutputStream();
    }

    /** Goes on under TLS with the one key that was named; anything else in clear is refused. */
    static void encrypt() throws IOException, GeneralSecurityException {
        send("secure", Map.of());
        Map<?, ?> granted = frame();
        if (!granted.toString().contains("type=secure") || in.available() > 0)
            throw new IOException("not encrypted");
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {new OneKey()}, null);
        open(tls.getSocketFactory().createSocket(socket, null, socket.getPort(), true));
    }

    static class OneKey implements X509TrustManager {
        public void checkServerTrusted(X509Certificate[] chain, String kind)
                throws CertificateException { // nobody need have signed it
            String found = fingerprint(chain[0].getPublicKey());
            if (!found.equals(arguments[3]))
                throw new CertificateException("this server has another key: " + found);
        }
        public void checkClientTrusted(X509Certificate[] chain, String kind) { }
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    /** 140 bits of the SHA-256 of a public key, in base 32 with the digits a-z2-7. */
    static String fingerprint(PublicKey key) throws CertificateException {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(key.getEncoded());
            BigInteger bits = new BigInteger(1, hash).shiftRight(256 - 140);
            StringBuilder found = new StringBuilder();
            for (int i = 27; i >= 0; i--) {
                int digit = bits.shiftRight(5 * i).intValue() & 31;
                found.append("abcdefghijklmnopqrstuvwxyz234567".charAt(digit));
                if (i % 4 == 0 && i > 0) found.append('-');
            }
            return found.toString();
        } catch (NoSuchAlgorithmException missing) { throw new CertificateException(missing); }
    }

    static void take(Map<?, ?> item) throws IOException {
        Map<?, ?> body = (Map<?, ?>) item.get("body");
        switch ((String) item.get("type")) {
            case "welcome" -> {
                show("Client Name: " + body.get("name") + "\n");
                show("Client ID: " + body.get("client-id") + "\n");
                send("status", Map.of("ok", true));
            }
            case "print" -> {
                boolean more = body.get("more") == Boolean.TRUE;
                show(body.get("message") + (more ? "" : "\n"));
                if (more || !"direct".equals(body.get("kind"))) return;
                send("seen", Map.of("mail", body.get("seq")));
            }
            case "input" -> {
                synchronized (Client.class) { // what is typed from now on is for this question
                    show((String) body.get("message"));
                    question = body;
                    Client.class.notifyAll();
                }
            }
            case "ping" -> send("pong", Map.of("t", body.get("t")));
            case "bye" -> end((String) body.get("reason"), "quit".equals(body.get("kind")) ? 0 : 1);
            default -> { } // from a newer server: ignored
        }
    }

    static void show(String text) {
        String clean = text.replace("\t", "    ").replaceAll(HOSTILE, "\ufffd");
        System.out.writeBytes(clean.getBytes(UTF_8));
        System.out.flush();
    }

    static void end(String reason, int status) {
        show("\n" + reason + "\n");
        System.exit(status);
    }

    /** Waits for a question; an answered one stays open only where it says `keep`. */
    static synchronized Map<?, ?> opened(boolean answered) throws InterruptedException {
        while (question == null) Client.class.wait();
        Map<?, ?> asked = question;
        if (answered && asked.get("keep") != Boolean.TRUE) question = null;
        return asked;
    }

    /** Reads what is typed; each line answers the question that is open then. */
    static void answer() {
        Console console = System.console(); // none where input is no terminal
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        try {
            while (true) {
                boolean secret = "secret".equals(opened(false).get("res-type"));
                String line = console == null ? lines.readLine()
                    : secret ? new String(console.readPassword()) : console.readLine();
                Map<?, ?> asked = opened(line != null);
                if (line == null) break;
                send("reply", Map.of("res-key", asked.get("res-key"), "id", asked.get("id"),
                    "value", line, "mid", UUID.randomUUID().toString().replace("-", "")));
            }
            send("bye", Map.of("reason", "the person left"));
        } catch (IOException | InterruptedException error) {
            end("The connection ended: " + error.getMessage(), 1);
        }
    }

    static void send(String type, Map<String, ?> body) throws IOException {
        StringJoiner fields = new StringJoiner(",", "{", "}");
        body.forEach((key, value) -> fields.add(
            quoted(key) + ":" + (value instanceof String text ? quoted(text) : value)));
        String frame = "{\"headers\":[{\"type\":" + quoted(type) + ",\"body\":" + fields + "}]}\n";
        synchronized (out) { out.write(frame.getBytes(UTF_8)); }
    }

    static String quoted(String text) {
        StringBuilder safe = new StringBuilder();
        for (char c : text.toCharArray())
            safe.append(c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : c);
        return "\"" + safe + "\"";
    }

    static Map<?, ?> frame() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int pings = 0; line.size() < MAX_FRAME; ) {
            try {
                int next = in.read();
                if (next == '\n') return (Map<?, ?>) value(TOKEN.matcher(line.toString(UTF_8)));
                if (next < 0) throw new EOFException("the server is gone");
                line.write(next);
                pings = 0;
            } catch (SocketTimeoutException quiet) {
                if (++pings == 3) throw new IOException("the server is silent");
                send("ping", Map.of("t", pings));
            }
        }
        throw new IOException("a frame is too long");
    }

    // A string ends at the first quote that an even number of backslashes precedes.
    static final Pattern TOKEN = Pattern.compile(
        "\"(.*?(?<!\\\\)(?:\\\\\\\\)*)\"|[{}\\[\\]]|[^\\s,:{}\\[\\]]+", Pattern.DOTALL);
    static final Pattern ESCAPE = Pattern.compile("\\\\(?:u(.{4})|(.))");
    static final Object END = new Object();

    /** Reads JSON, leniently, as maps, lists, strings and numbers; throws RuntimeException. */
    static Object value(Matcher json) {
        if (!json.find()) throw new IllegalArgumentException("half a frame");
        if (json.group(1) != null)
            return ESCAPE.matcher(json.group(1)).replaceAll(Client::unescaped);
        String word = json.group();
        if (word.equals("}") || word.equals("]")) return END;
        if (word.equals("null")) return null;
        if (word.equals("true") || word.equals("false")) return Boolean.valueOf(word);
        if (word.matches("-?\\d+")) return Long.valueOf(word);
        if (!word.equals("{") && !word.equals("[")) return Double.valueOf(word);
        List<Object> found = new ArrayList<>();
        for (Object next; (next = value(json)) != END; ) found.add(next);
        if (word.equals("[")) return found;
        Map<Object, Object> map = new HashMap<>(); // its commas and colons say no more
        for (int i = 0; i < found.size(); i += 2) map.put(found.get(i), found.get(i + 1));
        return map;
    }

    static String unescaped(MatchResult escape) {
        String code = escape.group(1), letter = escape.group(2);
        char c = code != null ? (char) Integer.parseInt(code, 16)
            : "bfnrt".contains(letter) ? "\b\f\n\r\t".charAt("bfnrt".indexOf(letter))
            : letter.charAt(0);
        return Matcher.quoteReplacement("" + c);
    }
}
