// A tcpnet client, written from docs/protocol.md alone: java Client.java HOST PORT NAME
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.*;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.CharBuffer;
import java.util.*;

class Client {
    static final int MAX_FRAME = 65_536; // bytes, with the newline
    // Control, format and unpaired characters are made visible; joiners stay between letters.
    static final String HOSTILE = "(?![\\n\\u200c\\u200d])[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]"
        + "|(?<![\\p{L}\\p{M}])[\\u200c\\u200d]|[\\u200c\\u200d](?!\\p{L})";
    static InputStream in;
    static OutputStream out;
    static Map<?, ?> question; // the open one

    public static void main(String[] args) throws IOException {
        Socket socket = new Socket(args[0], Integer.parseInt(args[1]));
        socket.setSoTimeout(20_000); // milliseconds until a ping; after three the server is gone
        in = new BufferedInputStream(socket.getInputStream());
        out = socket.getOutputStream();
        send("hello", Map.of("protocol", 1, "agent", "Client.java/1", "id-key", args[2]));
        new Thread(Client::answer).start();
        try {
            while (true) {
                Map<?, ?> frame = (Map<?, ?>) value(CharBuffer.wrap(frame()));
                for (Object item : (List<?>) frame.get("headers")) take((Map<?, ?>) item);
            }
        } catch (IOException | RuntimeException | StackOverflowError error) { // gone, or no frame
            end("The connection ended: " + error.getMessage(), 1);
        }
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

    static String frame() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int pings = 0; line.size() < MAX_FRAME; ) {
            try {
                int next = in.read();
                if (next == '\n') return line.toString(UTF_8);
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

    /** Reads JSON, leniently, as maps, lists, strings and numbers; throws RuntimeException. */
    static Object value(CharBuffer json) {
        char first = skipped(json).get();
        if (first == '"') return string(json);
        if (first != '{' && first != '[') return word(first, json);
        List<Object> found = new ArrayList<>();
        while (skipped(json).charAt(0) != (first == '{' ? '}' : ']')) found.add(value(json));
        json.get();
        if (first == '[') return found;
        Map<Object, Object> map = new HashMap<>();
        for (int i = 0; i < found.size(); i += 2) map.put(found.get(i), found.get(i + 1));
        return map;
    }

    static CharBuffer skipped(CharBuffer json) { // the order says what commas and colons say
        while (" \t\r\n,:".indexOf(json.charAt(0)) >= 0) json.get();
        return json;
    }

    static String string(CharBuffer json) {
        StringBuilder found = new StringBuilder();
        for (char c; (c = json.get()) != '"'; found.append(c)) {
            if (c != '\\') continue;
            c = json.get();
            if ("bfnrt".indexOf(c) >= 0) c = "\b\f\n\r\t".charAt("bfnrt".indexOf(c));
            else if (c == 'u') {
                c = (char) Integer.parseInt(json, 0, 4, 16);
                json.position(json.position() + 4);
            }
        }
        return found.toString();
    }

    static Object word(char first, CharBuffer json) {
        String word = "" + first;
        while (" \t\r\n,:]}".indexOf(json.charAt(0)) < 0) word += json.get();
        return switch (word) {
            case "null" -> null;
            case "true", "false" -> Boolean.valueOf(word);
            default -> word.matches("-?\\d+") ? (Object) Long.valueOf(word) : Double.valueOf(word);
        };
    }
}
