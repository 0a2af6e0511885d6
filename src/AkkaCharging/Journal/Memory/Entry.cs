using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Memory;

/// <summary>The row of one request, with its own lock, because a decision and a look-up may coincide.</summary>
/// <remarks>
/// A request that is delivered or expired moves to <see cref="SettledRows"/>. Up to a million dead letters stay, so a
/// row consists of few objects. Whether a row is settled or a dead letter changes under the journal's lock only.
/// </remarks>
internal sealed class Entry(ChargingRequest request, byte[] fingerprint, Claim? claim)
{
    // Measured on a 64-bit processor, including the references to the row in the dictionary and the sets.
    private const int RowBytes = 600;
    private const int AttemptBytes = 80;
    private const int SecretsBytes = 450;

    private readonly Lock _gate = new();
    private readonly string _station = request.Station.Text;
    private readonly string _tokenMasked = request.Token.Masked;
    private readonly string? _apiKeyName = request.ApiKeyName;
    private readonly DestinationKey _destination = request.Callback.Destination;
    private readonly long _acceptedAt = request.AcceptedAt.UtcTicks;
    private readonly TimeSpan _age = request.ExpiresAt - request.AcceptedAt;
    private long _expiresAt = request.ExpiresAt.UtcTicks;
    private long _settledAt;
    private int _attemptsMade;
    private ChargingRequest? _request = request; // null when its secrets are no longer needed
    private Decision? _decision;
    private CallbackAttempt[] _attempts = []; // without the last one
    private CallbackAttempt? _lastAttempt;

    public RequestId Id { get; } = request.Id;

    /// <summary>The idempotency key that the request was accepted with.</summary>
    public Claim? Claim => claim;

    /// <summary>The final state of the request; null while it is pending.</summary>
    public RequestState? SettledAs { get; private set; }

    public DateTimeOffset SettledAt => StoredNames.Time(_settledAt);

    /// <summary>When the request settled, by the monotonic clock.</summary>
    public long SettledSince { get; private set; }

    public bool IsDeadLetter => SettledAs is not null && _request is not null;

    /// <summary>The group of the request once it is settled.</summary>
    public SettledGroup Group => new(_apiKeyName ?? "", IsDeadLetter);

    /// <summary>Approximate memory of the row, measured when it settled or was discarded.</summary>
    public int Bytes { get; private set; }

    private RequestState State => SettledAs ?? (_decision is null ? RequestState.Queued : RequestState.Decided);

    private CallbackAttempt[] Attempts => _lastAttempt is null ? [] : [.. _attempts, _lastAttempt];

    public Decision Decide(Decision decision)
    {
        lock (_gate)
            return _decision ??= decision;
    }

    public void Record(CallbackAttempt attempt)
    {
        lock (_gate)
        {
            if (SettledAs is null)
                Add(attempt);
        }
    }

    public bool Settle(Settlement settlement, long now)
    {
        lock (_gate)
        {
            if (SettledAs is not null)
                return false;
            (SettledAs, _settledAt, SettledSince) = (settlement.State, settlement.At.UtcTicks, now);
            if (settlement.State != RequestState.Failed)
                _request = null;
            if (settlement.LastAttempt is { } last)
                Add(last);
            return true;
        }
    }

    /// <summary>Makes a dead letter pending again.</summary>
    public UnsettledRequest Redrive(DateTimeOffset at)
    {
        lock (_gate)
        {
            SettledAs = null;
            _attempts = [.. _attempts.TakeLast(StoredNames.AttemptsKept - 1)];
            (_expiresAt, _attemptsMade) = ((at + _age).UtcTicks, 0);
            _request = _request! with { ExpiresAt = at + _age };
            return new(_request, _decision, AttemptsMade: 0, IsRedriven: true, at);
        }
    }

    /// <summary>Erases the secrets of a dead letter, which can no longer be redriven.</summary>
    public void EraseSecrets()
    {
        lock (_gate)
            _request = null;
    }

    /// <summary>Measures <see cref="Bytes"/>.</summary>
    public int MeasureBytes()
    {
        lock (_gate)
        {
            return Bytes =
                RowBytes
                + (_attempts.Length * AttemptBytes)
                + (claim is null ? 0 : Claim.Bytes)
                + (sizeof(char) * (_decision?.Details?.TextLength ?? 0))
                + (_request is null ? 0 : SecretsBytes + (sizeof(char) * TextLength(_request)));
        }
    }

    /// <summary>Returns the dead letter; null when the request is not one.</summary>
    public DeadLetter? ToDeadLetter()
    {
        lock (_gate)
        {
            return SettledAs is null || _request is null
                ? null
                : new(
                    Id: _request.Id,
                    StationId: _station,
                    DriverTokenMasked: _tokenMasked,
                    Destination: _destination.ToString(),
                    LastAttempt: _lastAttempt,
                    Attempts: Attempts.Length,
                    Status: _decision?.Status,
                    AcceptedAt: StoredNames.Time(_acceptedAt),
                    SettledAt: SettledAt,
                    ExpiresAt: StoredNames.Time(_expiresAt)
                );
        }
    }

    public RequestRecord ToRecord()
    {
        lock (_gate)
        {
            return new(
                Id: Id,
                StationId: _station,
                DriverTokenMasked: _tokenMasked,
                ApiKeyName: _apiKeyName,
                State: State,
                Decision: _decision,
                AcceptedAt: StoredNames.Time(_acceptedAt),
                SettledAt: SettledAs is null ? null : SettledAt,
                Attempts: Attempts,
                ExpiresAt: StoredNames.Time(_expiresAt),
                AttemptsMade: _attemptsMade,
                TokenFingerprint: fingerprint,
                Destination: _destination.ToString()
            );
        }
    }

    private static int TextLength(ChargingRequest request) =>
        request.Token.Secret.Length + request.Callback.Text.Length + (request.Trace.TraceState?.Length ?? 0);

    private void Add(CallbackAttempt attempt)
    {
        _attemptsMade++;
        if (_lastAttempt is not null)
            _attempts = [.. _attempts, _lastAttempt];
        _lastAttempt = attempt;
    }
}
