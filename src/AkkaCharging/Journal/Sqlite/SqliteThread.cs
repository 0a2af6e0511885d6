using System.Collections.Concurrent;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// A thread with its own connection, for work that must block neither the thread pool (the driver waits for the disk)
/// nor the writer.
/// </summary>
internal sealed class SqliteThread : IDisposable
{
    private const int WaitingMax = 4_096;

    private readonly JournalSettings _settings;
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    private SqliteConnection? _connection;
    private volatile string? _pausedBecause;

    public SqliteThread(string name, JournalSettings settings)
    {
        _settings = settings;
        _thread = new(Loop) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Whether it opens no connection until <see cref="Resume"/>.</summary>
    public bool IsPaused => _pausedBecause is not null;

    /// <summary>Runs <paramref name="work"/> after all work queued before.</summary>
    /// <param name="left">Cancelled when nobody waits for the result any more: work that has not begun is
    /// skipped.</param>
    /// <exception cref="JournalUnavailableException">The file cannot be read at present, or too much work
    /// waits.</exception>
    public Task<T> RunAsync<T>(Func<SqliteConnection, T> work, CancellationToken left = default)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_work.Count >= WaitingMax)
            return Task.FromException<T>(new JournalUnavailableException($"{WaitingMax} questions wait for the disk."));
        try
        {
            _work.Add(() => Run(work, completion, left), CancellationToken.None);
        }
        catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
        {
            completion.SetException(new JournalUnavailableException("The journal is closed.", e));
        }

        return completion.Task;
    }

    /// <summary>
    /// Closes the connection after all work queued before, and opens none until <see cref="Resume"/>.
    /// </summary>
    public Task PauseAsync(string because)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _pausedBecause = because;
        try
        {
            _work.Add(() =>
            {
                Close();
                closed.SetResult();
            });
        }
        catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
        {
            closed.SetResult(); // disposed: there is no connection
        }

        return closed.Task;
    }

    /// <summary>Ends a pause.</summary>
    public void Resume() => _pausedBecause = null;

    /// <summary>Finishes the queued work and closes the connection.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join(TimeSpan.FromSeconds(5)); // a hanging disk must not delay the end of the process
    }

    private void Run<T>(Func<SqliteConnection, T> work, TaskCompletionSource<T> completion, CancellationToken left)
    {
        if (left.IsCancellationRequested)
        {
            completion.SetCanceled(left);
            return;
        }

        try
        {
            if (_pausedBecause is { } problem)
                throw new JournalUnavailableException(problem);
            completion.SetResult(work(_connection ??= SqliteFile.OpenExisting(_settings)));
        }
        catch (SqliteException e)
        {
            Close();
            completion.SetException(new JournalUnavailableException(SqliteProblem.Describe(e, _settings.Path), e));
        }
        catch (Exception e)
        {
            // After any failure, the thread continues and the caller gets the exception.
            completion.SetException(e);
        }
    }

    private void Loop()
    {
        foreach (var work in _work.GetConsumingEnumerable())
            work();
        Close();
    }

    private void Close()
    {
        _connection?.Dispose();
        _connection = null;
    }
}
