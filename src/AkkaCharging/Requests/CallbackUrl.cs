namespace AkkaCharging.Requests;

/// <summary>
/// Where a decision is delivered. Made by the address policy, or read back from the journal, so that one that was
/// refused cannot exist.
/// </summary>
internal sealed class CallbackUrl
{
    private readonly string _dialled; // the text, but for the trailing dot of an absolute name

    internal CallbackUrl(string text, Uri uri, DestinationKey destination) =>
        (Text, _dialled, Destination) = (text, uri.OriginalString, destination);

    /// <summary>
    /// Reads what was allowed when it was accepted, whatever the policy says today; its address is vetted at connect
    /// all the same.
    /// </summary>
    internal static CallbackUrl FromJournal(string text)
    {
        var uri = new Uri(text, UriKind.Absolute);
        if (uri.Host.EndsWith('.'))
        {
            // As the policy reads it: without the trailing dot of an absolute name.
            var dot = text.IndexOf(uri.Host, StringComparison.OrdinalIgnoreCase) + uri.Host.Length - 1;
            uri = new Uri(text.Remove(dot, 1), UriKind.Absolute);
        }

        return new(text, uri, new DestinationKey(uri.Scheme, uri.Host, uri.Port));
    }

    /// <summary>As the caller wrote it; may carry secrets in its path and query.</summary>
    public string Text { get; }

    /// <summary>
    /// The same, parsed; its host and port are those of <see cref="Destination"/>. Made when it is asked for: it is
    /// larger than the text, and a million requests may wait.
    /// </summary>
    public Uri Uri => new(_dialled, UriKind.Absolute);

    /// <summary>Whom the callback goes to; safe to log.</summary>
    public DestinationKey Destination { get; }

    /// <summary>Scheme, host and port: what a log line may say.</summary>
    public override string ToString() => Destination.ToString();
}

/// <summary>The receiver behind a callback URL: what is isolated from other receivers.</summary>
/// <param name="Scheme"><c>http</c> or <c>https</c>.</param>
/// <param name="Host">Lower case, without a trailing dot; IPv6 in brackets.</param>
/// <param name="Port">1 to 65535.</param>
internal readonly record struct DestinationKey(string Scheme, string Host, int Port)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}://{Host}:{Port}";
}
