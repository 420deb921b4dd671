// A JDBC client that does what its standard input says: one command a line,
// its words separated by tabs.  Each ends with a line "= ok" or
// "= SQLSTATE message"; rows before it have their columns separated by "|".
// The environment has JDBC_USER and JDBC_PASSWORD.
//
//   open    NAME URL               a session; the others begin with its name
//   query   NAME SQL VALUE...      one execution; a VALUE is "type:text", see bind()
//   prepare NAME STATEMENT SQL     kept
//   execute NAME STATEMENT VALUE...
//   describe NAME SQL              its columns, without executing it
//   tables  NAME SCHEMA            DatabaseMetaData
//   columns NAME SCHEMA
//   fetch   NAME SIZE SQL          opened with that fetch size, in a transaction
//   next    NAME COUNT             so many of its rows: their number and that of different ones
//   end     NAME                   of the transaction
//   cancel  NAME SQL               runs in a thread; returns at once
//   await   NAME                   cancels it from this one, and says how it ended
//   timeout NAME SECONDS SQL       with setQueryTimeout
//   first   NAME COUNT SQL         with setMaxRows
//   crowd   COUNT URL SQL          sessions of their own, all at once; ? is the session's number
//
// Run as "java -cp postgresql.jar Jdbc.java".

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Jdbc {
	private final Map<String, Connection> sessions = new HashMap<>();
	private final Map<String, PreparedStatement> prepared = new HashMap<>();
	private final ExecutorService threads = Executors.newCachedThreadPool();
	private ResultSet fetched;
	private Statement running;
	private Future<Void> outcome;

	public static void main(String[] arguments) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		Jdbc client = new Jdbc();

		for (String line; (line = in.readLine()) != null; )
			System.out.println("= " + client.answer(line.split("\t")));
		System.exit(0);
	}

	private String answer(String[] words) throws Exception {
		try {
			run(words);
			return "ok";
		} catch (SQLException e) {
			return e.getSQLState() + " " + e.getMessage().replace('\n', ' ');
		}
	}

	private void run(String[] words) throws Exception {
		Connection session = sessions.get(words[1]);

		switch (words[0]) {
			case "open": sessions.put(words[1], connect(words[2])); break;
			case "query": query(session, words); break;
			case "prepare": prepared.put(words[2], session.prepareStatement(words[3])); break;
			case "execute": execute(prepared.get(words[2]), words); break;
			case "describe": describe(session, words[2]); break;
			case "tables": tables(session, words[2]); break;
			case "columns": columns(session, words[2]); break;
			case "fetch": fetch(session, Integer.parseInt(words[2]), words[3]); break;
			case "next": next(Integer.parseInt(words[2])); break;
			case "end": session.commit(); session.setAutoCommit(true); break;
			case "cancel": begin(session, words[2]); break;
			case "await": running.cancel(); await(); break;
			case "timeout": timeout(session, Integer.parseInt(words[2]), words[3]); break;
			case "first": first(session, Integer.parseInt(words[2]), words[3]); break;
			case "crowd": crowd(Integer.parseInt(words[1]), words[2], words[3]); break;
			default: throw new IllegalArgumentException(words[0]);
		}
	}

	private static Connection connect(String url) throws SQLException {
		return DriverManager.getConnection(url, System.getenv("JDBC_USER"), System.getenv("JDBC_PASSWORD"));
	}

	private static void bind(PreparedStatement statement, int i, String value) throws SQLException {
		Connection session = statement.getConnection();
		int colon = value.indexOf(':');
		String text = value.substring(colon + 1);

		switch (value.substring(0, colon)) {
			case "string": statement.setString(i, text); break;
			case "uuid": statement.setObject(i, UUID.fromString(text)); break;
			case "time": statement.setObject(i, OffsetDateTime.parse(text)); break;
			case "int": statement.setInt(i, Integer.parseInt(text)); break;
			case "null": statement.setNull(i, java.sql.Types.VARCHAR); break;
			case "texts": statement.setArray(i, session.createArrayOf("text", text.split(","))); break;
			case "uuids": statement.setArray(i, session.createArrayOf("uuid", text.split(","))); break;
			default: throw new IllegalArgumentException(value);
		}
	}

	private static void execute(PreparedStatement statement, String[] words) throws SQLException {
		for (int i = 3; i < words.length; i++)
			bind(statement, i - 2, words[i]);
		if (statement.execute())
			print(statement.getResultSet());
	}

	private static void query(Connection session, String[] words) throws SQLException {
		try (PreparedStatement statement = session.prepareStatement(words[2])) {
			execute(statement, words);
		}
	}

	private static void print(ResultSet rows) throws SQLException {
		int columns = rows.getMetaData().getColumnCount();

		while (rows.next()) {
			List<String> row = new ArrayList<>();

			for (int i = 1; i <= columns; i++)
				row.add(rows.getString(i) == null ? "" : rows.getString(i));
			System.out.println(String.join("|", row));
		}
	}

	private static void describe(Connection session, String sql) throws SQLException {
		try (PreparedStatement statement = session.prepareStatement(sql)) {
			ResultSetMetaData columns = statement.getMetaData();

			for (int i = 1; i <= columns.getColumnCount(); i++)
				System.out.println(columns.getColumnLabel(i) + "|" + columns.getColumnTypeName(i) + "|" +
						columns.getTableName(i));
		}
	}

	private static void tables(Connection session, String schema) throws SQLException {
		try (ResultSet rows = session.getMetaData().getTables(null, schema, "%", null)) {
			while (rows.next())
				System.out.println(rows.getString("TABLE_NAME") + "|" + rows.getString("TABLE_TYPE"));
		}
	}

	/** How many columns each table has, and everything else that is asked of a table. */
	private static void columns(Connection session, String schema) throws SQLException {
		Map<String, Integer> counts = new java.util.TreeMap<>();

		try (ResultSet rows = session.getMetaData().getColumns(null, schema, "%", "%")) {
			while (rows.next())
				counts.merge(rows.getString("TABLE_NAME"), 1, Integer::sum);
		}
		for (String table : counts.keySet()) {
			session.getMetaData().getPrimaryKeys(null, schema, table).close();
			session.getMetaData().getIndexInfo(null, schema, table, false, true).close();
			session.getMetaData().getImportedKeys(null, schema, table).close();
			session.getMetaData().getTablePrivileges(null, schema, table).close();
			System.out.println(table + "|" + counts.get(table));
		}
	}

	private void fetch(Connection session, int size, String sql) throws SQLException {
		Statement statement = session.createStatement();

		session.setAutoCommit(false);
		statement.setFetchSize(size);
		fetched = statement.executeQuery(sql);
	}

	private void next(int count) throws SQLException {
		Set<String> different = new HashSet<>();
		int n = 0;

		while (n < count && fetched.next()) {
			different.add(fetched.getString(1));
			n++;
		}
		System.out.println(n + "|" + different.size());
	}

	private void begin(Connection session, String sql) throws SQLException {
		Statement statement = session.createStatement();

		running = statement;
		outcome = threads.submit(() -> {
			statement.execute(sql);
			return null;
		});
	}

	private void await() throws Exception {
		try {
			outcome.get();
		} catch (ExecutionException e) {
			throw (Exception) e.getCause();
		}
	}

	private static void timeout(Connection session, int seconds, String sql) throws SQLException {
		try (Statement statement = session.createStatement()) {
			statement.setQueryTimeout(seconds);
			statement.execute(sql);
		}
	}

	private static void first(Connection session, int count, String sql) throws SQLException {
		try (Statement statement = session.createStatement()) {
			statement.setMaxRows(count);
			print(statement.executeQuery(sql));
		}
	}

	private void crowd(int count, String url, String sql) throws Exception {
		List<Callable<String>> tasks = new ArrayList<>();
		List<PreparedStatement> statements = new ArrayList<>();

		for (int i = 1; i <= count; i++) {
			PreparedStatement statement = connect(url).prepareStatement(sql);

			statement.setInt(1, i);
			statements.add(statement);
			tasks.add(() -> {
				ResultSet rows = statement.executeQuery();

				rows.next();
				return rows.getString(1);
			});
		}
		for (Future<String> task : threads.invokeAll(tasks))
			System.out.println(task.get());
		for (PreparedStatement statement : statements)
			statement.getConnection().close();
	}
}
